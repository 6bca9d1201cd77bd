"""A Redis Cluster that is away: its client raises an error that is no RedisError."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers.gateway import startup
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_stores import FileKeyStore, key_store_of
from plaudit_producers.gateway.access.rate_limits import RateLimiter, TokenBucket
from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_producers.gateway.http.app import create_app
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_stream_processors.queries.live import LiveReader
from redis.exceptions import RedisClusterException
from starlette.testclient import TestClient

URL = "redis+cluster://127.0.0.1:1"
AWAY = ConnectionSettings(bootstrap_servers="127.0.0.1:1", redis_url=SecretUrl(URL), topic_prefix="away-")
TEN = TokenBucket("ten", rate=10, size=20)


def take_of(client: Any, skipped: Callable[[int], None], count: int) -> "list[float | BaseException]":
    """What so many takes at once get, which must be soon."""

    async def run() -> "list[float | BaseException]":
        limiter = RateLimiter(client, "", on_skipped=skipped)
        takes = (limiter.take_tokens(TEN, 1) for _ in range(count))
        async with asyncio.timeout(10):
            found = await asyncio.gather(*takes, return_exceptions=True)
            await limiter.close()
        return found

    return asyncio.run(run())


def test_a_limit_that_cannot_be_checked_lets_pass() -> None:
    skipped: list[int] = []
    assert take_of(connect(URL), skipped.append, 3) == [0.0, 0.0, 0.0]
    assert sum(skipped) == 3


class Broken:
    """A client with a fault of its own."""

    async def execute_command(self, *_command: Any) -> Any:
        raise ZeroDivisionError


def test_whatever_goes_wrong_nobody_waits_for_ever(caplog: pytest.LogCaptureFixture) -> None:
    found = take_of(Broken(), lambda _: None, 3)
    assert [type(each) for each in found] == [ZeroDivisionError] * 3
    assert "a round of rate limits failed" in caplog.text


def test_keys_in_a_cluster_that_is_away_are_an_error_of_the_store() -> None:
    store = key_store_of(GatewaySettings(gateway_keys="redis"), AWAY)
    for call in (store.load, lambda: store.revoke("k")):
        with pytest.raises(KeyStoreError, match="Redis did not return the API keys"):
            call()


def test_a_conversation_in_a_cluster_that_is_away_is_unavailable() -> None:
    async def run() -> None:
        reader = LiveReader(AWAY)
        try:
            with pytest.raises(ServiceUnavailableError, match="Redis does not answer"):
                await reader.get("shop", "c1")
        finally:
            await reader.aclose()

    asyncio.run(run())


def test_the_client_still_raises_what_this_is_about() -> None:
    async def run() -> None:
        client = connect(URL)
        with pytest.raises(RedisClusterException):
            await client.ping()
        await client.aclose()

    asyncio.run(run())


def test_a_gateway_starts_and_answers_without_its_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "_KAFKA_TIMEOUT_S", 0.2)
    key = make_key("shop", frozenset({"producer", "reader"}))
    FileKeyStore(tmp_path / "keys.json").add(key.key)
    settings = GatewaySettings(gateway_keys=str(tmp_path / "keys.json"), gateway_ack_timeout_s=0.2)
    headers = {"Authorization": f"Bearer {key.secret}"}
    with TestClient(create_app(settings, AWAY), headers=headers) as client:
        assert "Redis" in client.get("/health/ready").json()["degraded"]
        assert client.post("/v1/tokens", json={}).status_code == 503
        assert client.get("/v1/conversations/c1").status_code == 503
        assert client.post("/v1/events", json={}).status_code == 422
