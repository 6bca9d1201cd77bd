"""What the state store gives to a partition's owner, and to others, on a real server."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from plaudit_stream_processors.fold import Conversation
from plaudit_stream_processors.state.client import connect, execute
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import (
    Commit,
    ConversationStore,
    FencedError,
    Holding,
    StateLostError,
    conversation_arguments,
)

pytestmark = pytest.mark.redis

Use = Callable[[ConversationStore], Awaitable[None]]


def with_store(url: str, use: Use) -> None:
    async def run() -> None:
        client = connect(url)
        try:
            await use(ConversationStore(client, prefix=uuid.uuid4().hex, state_retention_ms=60_000))
        finally:
            await client.aclose()

    asyncio.run(run())


async def _committed(store: ConversationStore, offset: int = 0) -> Holding:
    """A partition in which one conversation was committed."""
    owned = await store.acquire(0, "me")
    state = Conversation("shop", "c1")
    state.is_open, state.events = True, 1
    state.dirty["conversation"] = None
    await store.commit(Commit(0, owned.epoch, offset, offset + 10, 0, conversation_arguments(state), 1, {}))
    return Holding(owned.epoch, offset + 10)


def test_an_owner_loads_what_it_committed(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        assert set(await store.load(0, ["shop/c1", "shop/c2"], holding)) == {"shop/c1"}
        assert set(await store.load(0, ["shop/c1", "shop/c2"])) == {"shop/c1"}

    with_store(valkey, use)


def test_an_owner_of_nothing_yet_loads_nothing(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        owned = await store.acquire(0, "me")
        assert await store.load(0, ["shop/c1"], Holding(owned.epoch, None)) == {}

    with_store(valkey, use)


def test_a_former_owner_loads_nothing_of_the_new_ones(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        await store.acquire(0, "another")
        with pytest.raises(FencedError):
            await store.load(0, ["shop/c1"], holding)

    with_store(valkey, use)


@pytest.mark.parametrize("lost", ["everything", "the position", "the last writes"])
def test_a_state_behind_its_owner_is_not_folded_upon(valkey: str, lost: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        keys = partition_keys(store.prefix, 0)
        if lost == "everything":
            await execute(store.client, "DEL", keys.position, keys.conversation + "shop/c1")
        elif lost == "the position":
            await execute(store.client, "HDEL", keys.position, "next")
        else:
            await execute(store.client, "HSET", keys.position, "next", 9)
        with pytest.raises(StateLostError, match="offset 10 of partition 0"):
            await store.load(0, ["shop/c1"], holding)

    with_store(valkey, use)
