"""Rate limits: the buckets' arithmetic in a real Valkey, and who is refused by a real gateway."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
import pytest
import redis
import redis.asyncio
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.access.rate_limits import RateLimiter, TokenBucket

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.gateway import like, message

pytestmark = pytest.mark.redis

TEN = TokenBucket("ten", rate=10, size=20)


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000.0

    def __call__(self) -> float:
        return self.now


def limited(url: str, name: str, use: Callable[[RateLimiter, Clock, list[int]], Awaitable[None]]) -> None:
    """Use a limiter on a clock of its own."""

    async def run() -> None:
        async with redis.asyncio.Redis.from_url(url, socket_connect_timeout=1) as client:
            clock, skipped = Clock(), list[int]()
            limiter = RateLimiter(client, f"{name}.", on_skipped=skipped.append, clock=clock)
            await use(limiter, clock, skipped)
            await limiter.close()

    asyncio.run(run())


def test_a_bucket_gives_its_size_at_once_and_then_its_rate(valkey: str) -> None:
    async def use(limiter: RateLimiter, clock: Clock, skipped: list[int]) -> None:
        assert await limiter.take_tokens(TEN, 15) == 0
        assert await limiter.take_tokens(TEN, 15) == pytest.approx(1.0)
        assert await limiter.take_tokens(TEN, 5) == 0
        assert await limiter.take_tokens(TEN, 1) == pytest.approx(0.1)
        clock.now += 0.5
        assert await limiter.take_tokens(TEN, 5) == 0
        assert await limiter.take_tokens(TEN, 1) > 0
        assert skipped == []

    limited(valkey, "size", use)


def test_what_is_larger_than_a_bucket_is_owed(valkey: str) -> None:
    async def use(limiter: RateLimiter, clock: Clock, _skipped: list[int]) -> None:
        assert await limiter.take_tokens(TEN, 500) == 0
        assert await limiter.take_tokens(TEN, 1) == pytest.approx(48.1)
        clock.now += 48
        assert await limiter.take_tokens(TEN, 1) > 0
        clock.now += 1
        assert await limiter.take_tokens(TEN, 1) == 0
        assert await limiter.take_tokens(TEN, 500) == pytest.approx(1.1)  # it takes a full one
        clock.now += 3600
        taken, began = 0, clock.now
        while clock.now < began + 600:
            wait = await limiter.take_tokens(TEN, 500)
            taken += 500 * (wait == 0)
            clock.now += wait
        assert taken <= 600 * TEN.rate + 500

    limited(valkey, "owed", use)


def test_an_empty_bucket_is_known_until_it_has_a_token(valkey: str) -> None:
    async def use(limiter: RateLimiter, clock: Clock, _skipped: list[int]) -> None:
        await limiter.take_tokens(TEN, 20)
        assert limiter.empty_for("ten") == 0
        await limiter.take_tokens(TEN, 5)
        assert limiter.empty_for("ten") == pytest.approx(0.1, abs=0.01)
        clock.now += 0.11
        assert limiter.empty_for("ten") == 0
        assert await limiter.take_tokens(TEN, 1) == 0

    limited(valkey, "known", use)


def test_many_at_once_share_calls_and_take_no_more_than_there_is(valkey: str) -> None:
    async def use(limiter: RateLimiter, _clock: Clock, _skipped: list[int]) -> None:
        buckets = [TEN, TokenBucket("other", 10, 20)]
        waits = await asyncio.gather(*(limiter.take_tokens(buckets[n % 2], 1) for n in range(1000)))
        assert Counter(n % 2 for n, wait in enumerate(waits) if wait == 0) == {0: 20, 1: 20}

    with redis.Redis.from_url(valkey) as client:
        before = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
        limited(valkey, "many", use)
        after = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert after - before < 20


def test_a_fast_bucket_is_asked_seldom_and_gives_no_more_than_it_has(valkey: str) -> None:
    fast = TokenBucket("fast", rate=1000, size=1000)

    async def use(limiter: RateLimiter, clock: Clock, _skipped: list[int]) -> None:
        given = 0
        while await limiter.take_tokens(fast, 1) == 0:
            given += 1
        assert given == 1000
        clock.now += 0.5
        assert await limiter.take_tokens(fast, 500) == 0
        assert await limiter.take_tokens(fast, 1) > 0
        clock.now += 0.1
        assert await limiter.take_tokens(fast, 1) == 0
        clock.now += 6  # what is in hand is not kept for long
        assert await limiter.take_tokens(fast, 1000) == 0
        assert await limiter.take_tokens(fast, 1) > 0

    with redis.Redis.from_url(valkey) as client:
        before = client.info("commandstats").get("cmdstat_evalsha", {"calls": 0})["calls"]
        limited(valkey, "fast", use)
        after = client.info("commandstats")["cmdstat_evalsha"]["calls"]
    assert after - before < 100


def test_a_crowd_at_a_fast_bucket_takes_what_it_uses(valkey: str) -> None:
    async def use(limiter: RateLimiter, _clock: Clock, _skipped: list[int]) -> None:
        fast = TokenBucket("crowd", rate=1000, size=1000)
        waits = await asyncio.gather(*(limiter.take_tokens(fast, 1) for _ in range(900)))
        assert set(waits) == {0}

    limited(valkey, "crowd", use)


def test_a_clock_behind_gives_nothing_and_the_script_comes_back(valkey: str) -> None:
    async def use(limiter: RateLimiter, clock: Clock, skipped: list[int]) -> None:
        await limiter.take_tokens(TEN, 20)
        clock.now -= 3600
        assert await limiter.take_tokens(TEN, 1) > 0
        clock.now += 3600
        with redis.Redis.from_url(valkey) as client:
            client.script_flush()
        clock.now += 1
        assert await limiter.take_tokens(TEN, 10) == 0
        assert skipped == []

    limited(valkey, "behind", use)


def test_without_redis_nothing_is_limited_and_that_is_counted(
    valkey_server: Callable[[], ValkeyServer],
) -> None:
    server = valkey_server()

    async def use(limiter: RateLimiter, clock: Clock, skipped: list[int]) -> None:
        async def checked() -> float:
            """The answer of the first call that Redis answers in time, which a loaded machine may not."""
            for _ in range(100):
                clock.now += 3  # the bucket is full again, and Redis is asked again
                before = sum(skipped)
                wait = await limiter.take_tokens(TEN, 20)
                if sum(skipped) == before:
                    return wait
            raise AssertionError("Redis did not answer in time")

        assert await checked() == 0
        server.kill()
        before = sum(skipped)
        assert [await limiter.take_tokens(TEN, 20) for _ in range(5)] == [0] * 5
        assert sum(skipped) == before + 5
        server.start()
        assert await checked() == 0
        before = sum(skipped)
        assert await limiter.take_tokens(TEN, 20) > 0 or sum(skipped) > before

    limited(server.address, "down", use)


@pytest.mark.slow
@pytest.mark.kafka
def test_a_page_over_its_limit_hurts_neither_its_server_nor_another_page(
    gateways: Callable[..., Gateway],
) -> None:
    made = gateways(gateway_page_rate="1")
    secret = made.key()
    made.start()
    with made.client(secret) as server:
        tokens = [server.post("/v1/tokens", json={}).json()["token"] for _ in range(2)]
        with made.client(tokens[0]) as greedy, made.client(tokens[1]) as modest:
            answers = [greedy.post("/v1/events", json=like("m", None)) for _ in range(30)]
            statuses = Counter(answer.status_code for answer in answers)
            assert statuses[200] >= 5
            assert statuses[429] >= 10
            assert set(statuses) == {200, 429}
            assert all(int(each.headers["retry-after"]) >= 1 for each in answers if each.status_code == 429)
            assert modest.post("/v1/events", json=like("m", None)).status_code == 200
        assert server.post("/v1/events", json=[like("m")] * 100).status_code == 200
    assert made.metric('plaudit_gateway_limited_total{bucket="page"}') == statuses[429]


@pytest.mark.slow
@pytest.mark.kafka
def test_a_page_sends_no_faster_in_large_batches(gateways: Callable[..., Gateway]) -> None:
    made = gateways()
    secret = made.key()
    made.start()
    with made.client(secret) as server:
        token = server.post("/v1/tokens", json={}).json()["token"]
    with made.client(token) as page:
        assert page.post("/v1/events", json=[like("m", None)] * 400).status_code == 200
        later = page.post("/v1/events", json=[like("m", None)])
    assert later.status_code == 429
    assert 13 <= int(later.headers["retry-after"]) <= 16  # 400 events less the 100 in the bucket, 20 a second


@pytest.mark.kafka
@pytest.mark.parametrize("trusted", ["", "127.0.0.1"], ids=["no trusted proxy", "trusted proxy"])
def test_guessing_is_limited_by_address(gateways: Callable[..., Gateway], trusted: str) -> None:
    made = gateways(gateway_address_rate="2", gateway_trusted_proxies=trusted)
    secret = made.key()
    made.start()
    with made.client("plk_guess_guess") as stranger:
        # Whom a proxy names is believed only if the proxy is.
        says = [{"X-Forwarded-For": f"10.0.0.{number}"} for number in range(60)]
        statuses = Counter(stranger.post("/v1/events", json={}, headers=each).status_code for each in says)
    assert statuses[401] >= (60 if trusted else 10)
    assert statuses[429] >= (0 if trusted else 10)
    with made.client(secret) as server:  # from the same address, which may be out of tokens
        assert server.post("/v1/events", json=like("m")).status_code == 200


@pytest.mark.slow
@pytest.mark.kafka
def test_without_redis_the_gateway_takes_events_and_says_so(
    gateways: Callable[..., Gateway], valkey_server: Callable[[], ValkeyServer]
) -> None:
    server = valkey_server()
    made = gateways(redis=server.address)
    secret = made.key("producer", "reader", rate=10)
    made.start()
    with made.client(secret) as client:
        token = client.post("/v1/tokens", json={}).json()["token"]
        server.kill()
        for _ in range(3):
            assert client.post("/v1/events", json=[like("m")] * 400).status_code == 200
        with made.client(token) as page:
            assert page.post("/v1/events", json=like("m", None)).status_code == 200
        assert client.get("/v1/conversations/c1").status_code == 503
        eventually(lambda: "degraded" in client.get("/health/ready").json(), "it says so")
        assert client.get("/health/ready").status_code == 200
        assert made.metric("plaudit_gateway_limits_skipped_total") >= 3


@pytest.mark.slow
@pytest.mark.kafka
def test_a_gateway_says_that_redis_may_evict_keys_and_goes_on(
    gateways: Callable[..., Gateway], valkey_server: Callable[[], ValkeyServer]
) -> None:
    server = valkey_server()
    with server.client() as redis_client:
        redis_client.config_set("maxmemory-policy", "allkeys-lru")
    made = gateways(redis=server.address)
    secret = made.key()
    made.start()
    with made.client(secret) as client:
        ready = client.get("/health/ready")
        assert ready.status_code == 200
        assert "maxmemory-policy allkeys-lru" in ready.json()["degraded"]
        assert client.post("/v1/events", json=like("m")).status_code == 200
    assert made.metric("plaudit_gateway_redis_evicting") == 1


@pytest.mark.kafka
@pytest.mark.slow
def test_a_thousand_clients_over_the_limit_hurt_nobody_else(gateways: Callable[..., Gateway]) -> None:
    made = gateways(http_address_connections="1500")  # all clients are on this machine
    limited_key, other_key = made.key(rate=10), made.key()
    made.start()
    limited_answers: list[httpx.Response] = []
    other_answers: list[httpx.Response] = []

    tls = ssl.create_default_context()  # not used, and slow to make for each

    async def client(secret: str, answers: list[httpx.Response], requests: int) -> None:
        headers = {"Authorization": f"Bearer {secret}"}
        # A connection for each request: on a busy machine a kept one may be closed before it is used again.
        limits = httpx.Limits(max_keepalive_connections=0)
        http = httpx.AsyncClient(base_url=made.url, headers=headers, timeout=120, limits=limits, verify=tls)
        async with http:
            answers += [
                await http.post("/v1/events", json=message(f"{number}", "crowd"))
                for number in range(requests)
            ]

    async def crowd() -> None:
        await asyncio.gather(
            *(client(limited_key, limited_answers, 4) for _ in range(1000)),
            *(client(other_key, other_answers, 20) for _ in range(10)),
        )

    asyncio.run(crowd())
    statuses = Counter(answer.status_code for answer in limited_answers)
    assert set(statuses) == {200, 429}
    assert statuses[429] > 2000
    assert all(answer.headers["retry-after"] for answer in limited_answers if answer.status_code == 429)
    assert Counter(answer.status_code for answer in other_answers) == {200: 200}
