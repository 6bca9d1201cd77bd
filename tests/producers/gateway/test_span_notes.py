"""What waits in Redis for the rest of its call."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from plaudit_producers.gateway.intake.span_notes import LASTS_S, SpanNotes
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.redis import connect


async def with_notes(url: str, prefix: str, use: Callable[[SpanNotes], Awaitable[None]]) -> None:
    redis = connect(url, timeout_s=5)
    try:
        await use(SpanNotes(redis, prefix))
    finally:
        await redis.aclose()


@pytest.mark.redis
def test_notes_are_kept_in_order_and_once(valkey: str) -> None:
    async def use(notes: SpanNotes) -> None:
        await notes.add("shop", {"a": [b"1", b"2"], "b": [b"3"]})
        await notes.add("shop", {"a": [b"2", b"4"]})
        await notes.add("other", {"a": [b"5"]})
        assert await notes.read("shop", ["a", "b", "c", "a"]) == {"a": [b"1", b"2", b"4"], "b": [b"3"]}
        await notes.remove("shop", ["a"])
        assert await notes.read("shop", ["a", "b"]) == {"b": [b"3"]}
        await notes.add("shop", {})
        assert await notes.read("shop", []) == {}

    asyncio.run(with_notes(valkey, "notes-order:", use))


@pytest.mark.redis
def test_notes_are_bounded_and_forgotten(valkey: str) -> None:
    async def use(notes: SpanNotes) -> None:
        await notes.add("shop", {"a": [b"%d" % number for number in range(1500)]})
        kept = (await notes.read("shop", ["a"]))["a"]
        assert (len(kept), kept[-1]) == (1000, b"1499")
        redis = connect(valkey, timeout_s=5)
        [key] = [key async for key in redis.scan_iter(match="notes-bound:*")]
        assert 0 < await redis.ttl(key) <= LASTS_S
        await redis.aclose()

    asyncio.run(with_notes(valkey, "notes-bound:", use))


def test_without_redis_it_says_so() -> None:
    async def use(notes: SpanNotes) -> None:
        for call in (
            notes.add("shop", {"a": [b"1"]}),
            notes.read("shop", ["a"]),
            notes.remove("shop", ["a"]),
        ):
            with pytest.raises(ServiceUnavailableError, match="does not answer"):
                await call

    asyncio.run(with_notes("redis://127.0.0.1:1", "notes-away:", use))
