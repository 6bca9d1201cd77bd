"""Bodies that are large, slow or many: who is refused, and that nobody else is."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.bodies import RequestBodies
from starlette.requests import Request

from harness.gateway import Gateway
from harness.waiting import all_wait, eventually
from tests.support.gateway import like


def request(*chunks: bytes, stalls: bool = False) -> Request:
    """A request whose body comes in chunks, or never comes whole."""
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    if not stalls:
        messages.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive() -> Any:
        if not messages:
            await asyncio.Event().wait()
        return messages.pop(0)

    return Request({"type": "http", "headers": []}, receive)


async def status_of(bodies: RequestBodies, asked: Request, caller: str, limit: int = 100) -> int:
    """200 for a body that is read."""
    try:
        async with bodies.read_body(asked, limit, caller):
            return 200
    except Problem as problem:
        return problem.status


@contextlib.asynccontextmanager
async def stalled(bodies: RequestBodies, size: int, caller: str) -> AsyncIterator[None]:
    """Somebody has sent so many bytes, and sends no more."""
    task = asyncio.create_task(status_of(bodies, request(b" " * size, stalls=True), caller))
    await all_wait(task)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_a_body_counts_until_its_block_ends() -> None:
    async def use() -> None:
        bodies = RequestBodies(100, largest_bytes=10, within_s=60)
        async with bodies.read_body(request(b"abc", b"de"), 5, "a") as body:
            assert (body, bodies.held) == (b"abcde", 5)
        assert await status_of(bodies, request(b"abc", b"def"), "a", 5) == 413
        with pytest.raises(ZeroDivisionError):
            async with bodies.read_body(request(b"abc"), 5, "a"):
                raise ZeroDivisionError
        assert (bodies.held, bodies._shares) == (0, {})

    asyncio.run(use())


def test_a_body_that_stalls_is_given_up() -> None:
    async def use() -> None:
        bodies = RequestBodies(100, largest_bytes=10, within_s=0.05)
        assert await status_of(bodies, request(b"abc", stalls=True), "a") == 408
        assert bodies.held == 0
        async with bodies.read_body(request(b"abc"), 5, "a"):
            assert bodies._reading == {}  # the time is for the reading alone

    asyncio.run(use())


def test_each_body_that_stalls_has_its_own_time_and_others_are_read_meanwhile() -> None:
    async def use() -> None:
        bodies = RequestBodies(100, largest_bytes=10, within_s=60)
        first = asyncio.create_task(status_of(bodies, request(b"a", stalls=True), "a"))
        second = asyncio.create_task(status_of(bodies, request(b"b", stalls=True), "b"))
        await all_wait(first, second)
        earlier, later = bodies._reading
        assert earlier.deadline < later.deadline
        for hold, task in ((earlier, first), (later, second)):
            assert await status_of(bodies, request(b"c"), "c") == 200
            assert bodies._timer is not None
            assert bodies._timer.when() == hold.deadline
            hold.deadline = 0.0  # its time is over, and not the other's
            bodies._timer.cancel()
            bodies._cut_late()
            assert await task == 408
        assert (bodies.held, bodies._reading, bodies._timer) == (0, {}, None)

    asyncio.run(use())


def test_a_request_that_is_cancelled_stays_cancelled() -> None:
    async def use() -> None:
        bodies = RequestBodies(100, largest_bytes=10, within_s=60)
        task = asyncio.create_task(status_of(bodies, request(b"a", stalls=True), "a"))
        await all_wait(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (bodies.held, bodies._reading) == (0, {})

    asyncio.run(use())


def test_a_caller_holds_no_more_than_its_share() -> None:
    async def use() -> None:
        bodies = RequestBodies(100, largest_bytes=10, within_s=60)
        async with stalled(bodies, 20, "a"):
            assert await status_of(bodies, request(b"12345"), "a") == 200
            assert await status_of(bodies, request(b"123456"), "a") == 429
            assert await status_of(bodies, request(b"123456"), "b") == 200
            async with stalled(bodies, 25, "b"), stalled(bodies, 25, "c"), stalled(bodies, 25, "d"):
                assert await status_of(bodies, request(b"123456"), "e") == 503
        assert bodies.held == 0

    asyncio.run(use())


def test_one_body_always_fits_into_a_share() -> None:
    async def use() -> None:
        bodies = RequestBodies(100, largest_bytes=40, within_s=60)
        assert await status_of(bodies, request(b" " * 40), "a") == 200

    asyncio.run(use())


def post(gateway: Gateway, path: str, size: int, sent: bytes, credential: str = "") -> socket.socket:
    """Announce a body and send only a part of it."""
    address = urlsplit(gateway.url)
    connection = socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=60)
    authorization = f"Authorization: Bearer {credential}\r\n" if credential else ""
    head = f"POST {path} HTTP/1.1\r\nHost: gateway\r\n{authorization}Content-Length: {size}\r\n\r\n"
    connection.sendall(head.encode() + sent)
    return connection


def answer(connection: socket.socket) -> str:
    """All that comes until the gateway closes the connection."""
    with connection, contextlib.suppress(ConnectionResetError):
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    return ""


@pytest.fixture
def small(gateways: Callable[..., Gateway]) -> Gateway:
    """Room for 8 MiB of bodies, and for 5 MiB of each caller."""
    made = gateways(gateway_max_buffer_mb="8", gateway_body_timeout_s="4", gateway_address_rate="2")
    made.secret = made.key()
    return made.start()


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_stalled_pages_keep_no_server_out(small: Gateway) -> None:
    with small.client(small.secret) as server:
        # Of several conversations at one address: a page pays for the bytes that it announces.
        tokens = [server.post("/v1/tokens", json={}).json()["token"] for _ in range(5)]
        size = 2 * 2**20
        stuck = [post(small, "/v1/events", size, b" " * (size - 1), token) for token in tokens]
        held = "plaudit_gateway_request_bytes"
        eventually(lambda: small.metric(held) > 2 * size - 10, "their bytes have arrived")
        assert small.metric(held) < 6 * 2**20
        assert server.post("/v1/events", json=[like("m")] * 100).status_code == 200
        answers = [answer(connection) for connection in stuck]
        heads = [text.split("\r\n", 1)[0].split(" ")[1] for text in answers if text]
        assert "408" in heads
        assert set(heads) <= {"408", "429"}
        slow = next(text for text in answers if " 408 " in text)
        assert "content-type: application/problem+json" in slow.lower()
        assert json.loads(slow.partition("\r\n\r\n")[2])["type"] == "urn:plaudit:problem:too-slow"
        assert small.metric(held) == 0


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_beacons_are_charged_before_they_are_read(small: Gateway) -> None:
    stuck = [post(small, "/v1/beacon", 1000, b"") for _ in range(20)]
    answers = [answer(connection) for connection in stuck]
    assert sum(" 429 " in text for text in answers) >= 5
    assert sum(" 408 " in text for text in answers) >= 10
    assert sum(" 408 " in text for text in answers) < 20


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.redis
def test_a_page_sends_less_at_once_than_a_server(small: Gateway) -> None:
    body = json.dumps([like("m")]) + " " * (2 * 2**20)
    with small.client(small.secret) as server:
        token = server.post("/v1/tokens", json={"conversation_id": "c1"}).json()["token"]
        assert server.post("/v1/events", content=body).status_code == 200
        with small.client(token) as page:
            assert page.post("/v1/events", content=body).status_code == 413
            assert page.post("/v1/events", content=body[: 2**20]).status_code == 200
