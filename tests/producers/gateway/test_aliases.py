"""Which message an answer became: the index of response ids, in a real Valkey and in a cluster."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis.asyncio
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.intake import aliases
from plaudit_producers.gateway.intake.aliases import AliasIndex, MessagePlace
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import connect

pytestmark = pytest.mark.redis

PLACE = MessagePlace("chat", "pm-1@chat")


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine may take longer than a request of the gateway may wait."""
    monkeypatch.setattr(aliases, "CALL_TIMEOUT_S", 60.0)


def indexed(url: str, prefix: str, use: Callable[[AliasIndex, Any], Awaitable[None]]) -> None:
    """Use an index with keys of its own."""

    async def run() -> None:
        client = connect(url, timeout_s=30)
        try:
            await use(AliasIndex(client, prefix, lasts_s=100), client)
        finally:
            await client.aclose()

    asyncio.run(run())


def test_an_answer_is_found_by_its_response_id_in_its_application_only(valkey: str) -> None:
    async def use(index: AliasIndex, _client: Any) -> None:
        assert await index.remember("shop", {"chatcmpl-1": PLACE, "trace-1": MessagePlace("chat")})
        found = await index.find("shop", ["chatcmpl-1", "trace-1", "chatcmpl-2", "chatcmpl-1"])
        assert found == {"chatcmpl-1": PLACE, "trace-1": MessagePlace("chat", None)}
        assert await index.find("other", ["chatcmpl-1"]) == {}
        assert await index.find("shop", []) == {}
        assert await index.remember("shop", {})

    indexed(valkey, "aliases-found.", use)


def test_the_place_that_was_remembered_last_is_found(valkey: str) -> None:
    async def use(index: AliasIndex, _client: Any) -> None:
        await index.remember("shop", {"chatcmpl-1": MessagePlace("before", "m")})
        await index.remember("shop", {"chatcmpl-1": PLACE})
        assert await index.find("shop", ["chatcmpl-1"]) == {"chatcmpl-1": PLACE}

    indexed(valkey, "aliases-last.", use)


@pytest.mark.parametrize(
    "alias",
    ["", "a b\r\n", "\ud800", "é" * 5000, "{x}"],
    ids=["empty text", "line break", "lone surrogate", "very long text", "hash tag"],
)
def test_any_text_is_an_id(valkey: str, alias: str) -> None:
    async def use(index: AliasIndex, _client: Any) -> None:
        await index.remember("shop", {alias: PLACE})
        assert await index.find("shop", [alias]) == {alias: PLACE}

    indexed(valkey, "aliases-any.", use)


def test_entries_end_by_themselves(valkey: str) -> None:
    async def use(index: AliasIndex, client: redis.asyncio.Redis) -> None:
        await index.remember("shop", {"chatcmpl-1": PLACE})
        (key,) = await client.keys("aliases-end.*")
        assert 90 < await client.ttl(key) <= 100

    indexed(valkey, "aliases-end.", use)


def test_thousands_at_once_are_kept_by_a_cluster(redis_cluster: str) -> None:
    places = {f"chatcmpl-{number}": MessagePlace("chat", f"m{number}") for number in range(1200)}

    async def use(index: AliasIndex, _client: Any) -> None:
        assert await index.remember("shop", places)
        assert await index.find("shop", places) == places

    indexed(redis_cluster, "aliases-many.", use)


def test_without_redis_remembering_goes_on_and_finding_says_so(
    valkey_server: Callable[[], ValkeyServer],
) -> None:
    server = valkey_server()

    async def use(index: AliasIndex, _client: Any) -> None:
        server.kill()
        assert not await index.remember("shop", {"chatcmpl-1": PLACE})
        with pytest.raises(ServiceUnavailableError, match="does not answer"):
            await index.find("shop", ["chatcmpl-1"])

    indexed(server.address, "aliases-away.", use)
