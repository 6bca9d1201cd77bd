"""What the state store gives to a partition's owner, and to others, on a real server."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from plaudit_schemas.errors import NotFoundError
from plaudit_schemas.service.redis import connect, execute
from plaudit_stream_processors.fold import ConversationState
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
    owned = await store.acquire_partition(0, "me")
    state = ConversationState("shop", "c1")
    state.is_open, state.events = True, 1
    state.dirty["conversation"] = None
    await store.commit_batch(
        Commit(0, owned.epoch, offset, offset + 10, 0, conversation_arguments(state), 1, {}),
        owned.next_offset if offset == 0 else offset,
    )
    return Holding(owned.epoch, offset + 10)


def test_an_owner_loads_what_it_committed(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        assert set(await store.load_conversations(0, ["shop/c1", "shop/c2"], holding)) == {"shop/c1"}
        assert set(await store.load_conversations(0, ["shop/c1", "shop/c2"])) == {"shop/c1"}

    with_store(valkey, use)


def test_an_owner_of_nothing_yet_loads_nothing(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        owned = await store.acquire_partition(0, "me")
        assert await store.load_conversations(0, ["shop/c1"], Holding(owned.epoch, None)) == {}

    with_store(valkey, use)


def test_a_former_owner_loads_nothing_of_the_new_ones(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        await store.acquire_partition(0, "another")
        with pytest.raises(FencedError):
            await store.load_conversations(0, ["shop/c1"], holding)

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
            await store.load_conversations(0, ["shop/c1"], holding)

    with_store(valkey, use)


@pytest.mark.parametrize("lost", ["the position", "the last writes"])
def test_nothing_is_committed_upon_what_was_lost(valkey: str, lost: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        position = partition_keys(store.prefix, 0).position
        if lost == "the position":
            await execute(store.client, "HDEL", position, "next")
        else:
            await execute(store.client, "HSET", position, "next", 9)
        with pytest.raises(StateLostError, match="offset 10 of partition 0"):
            await store.commit_batch(Commit(0, holding.epoch, 10, 20, 0, [], 0, {}), 10)

    with_store(valkey, use)


def test_the_names_of_expired_buckets_are_dropped(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        keys = partition_keys(store.prefix, 0)
        buckets = {f"10s:{number}": {"series messages:user": 1} for number in range(150)}
        await store.commit_batch(Commit(0, holding.epoch, 10, 20, 0, [], 0, buckets), 10)
        gone = [keys.metrics + name for name in buckets if not name.endswith("7")]
        await execute(store.client, "DEL", *gone)  # as their expiry would
        for offset in range(20, 60):
            await store.commit_batch(Commit(0, holding.epoch, offset, offset + 1, 0, [], 0, {}), offset)
        left = await execute(store.client, "ZRANGE", keys.changed, 0, -1)
        assert sorted(name.decode() for name in left) == sorted(n for n in buckets if n.endswith("7"))

    with_store(valkey, use)


def test_a_batch_without_records_keeps_the_time_that_was_reached(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        owned = await store.acquire_partition(0, "me")
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, 1234, [], 0, {}), None)
        await store.commit_batch(Commit(0, owned.epoch, 10, 11, 0, [], 0, {}), 10)
        assert await store.reached_ms(0) == 1234

    with_store(valkey, use)


def test_the_rest_of_an_expired_conversation_is_none_to_readers_and_stays_while_the_log_does(
    valkey: str,
) -> None:
    async def use(store: ConversationStore) -> None:
        owned, hour = await store.acquire_partition(0, "me"), 3_600_000
        state = ConversationState("shop", "c1")
        state.events, state.lifecycle = 1, ["e1"]
        state.end = {"reason": "closed", "at": 0, "arrived_ms": hour}
        state.dirty["conversation"] = None
        ended = conversation_arguments(state)
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, hour, ended, 1, {}), None)
        assert (await store.get_conversation("shop", "c1", 0)).events == 1
        await store.commit_batch(Commit(0, owned.epoch, 10, 11, 4 * hour, [], 0, {}), 10)
        with pytest.raises(NotFoundError, match="expired"):
            await store.get_conversation("shop", "c1", 0)
        (rest,) = (await store.load_conversations(0, ["shop/c1"])).values()
        assert rest.end == state.end
        key = partition_keys(store.prefix, 0).conversation + "shop/c1"
        assert await execute(store.client, "PTTL", key) == -1, "the log is kept for ever, so is this"

    with_store(valkey, use)
