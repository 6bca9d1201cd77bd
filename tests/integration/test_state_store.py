"""What the state store gives to a partition's owner, and to others, on a real server."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from plaudit_schemas.errors import NotFoundError
from plaudit_schemas.service.redis import Argument, connect, execute
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.commit import NO_LEFTOVERS, Commit, conversation_changes
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import (
    ConversationStore,
    FencedError,
    Holding,
    StateError,
    StateLostError,
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
        Commit(0, owned.epoch, offset, offset + 10, 0, [state.key], conversation_changes(state), {}),
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
            await store.commit_batch(Commit(0, holding.epoch, 10, 20, 0, [], [], {}), 10)

    with_store(valkey, use)


def test_the_names_of_expired_buckets_are_dropped(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        keys = partition_keys(store.prefix, 0)
        buckets = {f"10s:{number}": {"series messages:user": 1} for number in range(150)}
        await store.commit_batch(Commit(0, holding.epoch, 10, 20, 0, [], [], buckets), 10)
        gone = [keys.metrics + name for name in buckets if not name.endswith("7")]
        await execute(store.client, "DEL", *gone)  # as their expiry would
        found = NO_LEFTOVERS
        for offset in range(20, 60):
            empty = Commit(0, holding.epoch, offset, offset + 1, 0, [], [], {})
            found = await store.commit_batch(empty, offset, found)
        left = await execute(store.client, "ZRANGE", keys.changed, 0, -1)
        assert sorted(name.decode() for name in left) == sorted(n for n in buckets if n.endswith("7"))

    with_store(valkey, use)


def test_what_somebody_else_holds_under_our_key_is_told(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        holding = await _committed(store)
        store.transact_from = 1
        await execute(store.client, "SET", partition_keys(store.prefix, 0).conversation + "shop/c2", "theirs")
        state = ConversationState("shop", "c2")
        commit = Commit(0, holding.epoch, 10, 20, 0, [state.key], conversation_changes(state), {})
        with pytest.raises(StateError, match=r"WRONGTYPE.*plaudit audit"):
            await store.commit_batch(commit, 10)

    with_store(valkey, use)


def test_a_batch_without_records_keeps_the_time_that_was_reached(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        owned = await store.acquire_partition(0, "me")
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, 1234, [], [], {}), None)
        await store.commit_batch(Commit(0, owned.epoch, 10, 11, 0, [], [], {}), 10)
        assert await store.reached_ms(0) == 1234

    with_store(valkey, use)


def test_thousands_of_expired_conversations_give_their_memory_back(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        owned, hour = await store.acquire_partition(0, "me"), 3_600_000
        ids, changes = [], list[Argument]()
        for number in range(1200):
            state = ConversationState("shop", f"c{number}")
            state.events, state.end = 1, {"reason": "closed", "at": 0, "arrived_ms": hour + number}
            state.dirty["conversation"] = None
            ids.append(state.key)
            changes += conversation_changes(state)
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, hour, ids, changes, {}), None)
        found = NO_LEFTOVERS
        for offset in (10, 20, 30, 40):
            empty = Commit(0, owned.epoch, offset, offset + 10, 4 * hour, [], [], {})
            found = await store.commit_batch(empty, offset, found)
        keys = partition_keys(store.prefix, 0)
        assert await execute(store.client, "ZCARD", keys.ended) == 0
        for number in (0, 600, 1199):
            assert await execute(store.client, "HKEYS", f"{keys.conversation}shop/c{number}") == [b"progress"]

    with_store(valkey, use)


def test_what_goes_on_before_the_next_commit_does_not_expire(valkey: str) -> None:
    async def use(store: ConversationStore) -> None:
        owned, hour = await store.acquire_partition(0, "me"), 3_600_000
        state = ConversationState("shop", "c1")
        state.events, state.end = 1, {"reason": "closed", "at": 0, "arrived_ms": hour}
        state.dirty["conversation"] = None
        changes = conversation_changes(state)
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, hour, [state.key], changes, {}), None)
        found = await store.commit_batch(Commit(0, owned.epoch, 10, 20, 4 * hour, [], [], {}), 10)
        assert found.conversations == ["shop/c1"]
        state.is_open, state.activity_ms = True, 4 * hour
        again = Commit(0, owned.epoch, 20, 30, 4 * hour, [state.key], conversation_changes(state), {})
        await store.commit_batch(again, 20, found)
        fields = await execute(
            store.client, "HKEYS", partition_keys(store.prefix, 0).conversation + "shop/c1"
        )
        assert (sorted(fields), await store.open_count(0)) == ([b"conversation", b"progress"], 1)

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
        ended = conversation_changes(state)
        await store.commit_batch(Commit(0, owned.epoch, 0, 10, hour, [state.key], ended, {}), None)
        assert (await store.get_conversation("shop", "c1", 0)).events == 1
        found = await store.commit_batch(Commit(0, owned.epoch, 10, 11, 4 * hour, [], [], {}), 10)
        assert found.conversations == ["shop/c1"]
        await store.commit_batch(Commit(0, owned.epoch, 11, 12, 4 * hour, [], [], {}), 11, found)
        with pytest.raises(NotFoundError, match="expired"):
            await store.get_conversation("shop", "c1", 0)
        (rest,) = (await store.load_conversations(0, ["shop/c1"])).values()
        assert rest.end == state.end
        key = partition_keys(store.prefix, 0).conversation + "shop/c1"
        assert await execute(store.client, "PTTL", key) == -1, "the log is kept for ever, so is this"

    with_store(valkey, use)
