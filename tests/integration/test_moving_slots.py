"""State on a Redis Cluster while the slot of a partition moves between nodes, key by key."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from plaudit_infra.servers.valkey import ValkeyCluster
from plaudit_schemas.service.redis import connect, connect_blocking
from plaudit_stream_processors.fold import CURRENT_VERSION, ConversationState
from plaudit_stream_processors.state.commit import Commit, Leftovers, conversation_changes
from plaudit_stream_processors.state.keys import partition_keys
from plaudit_stream_processors.state.store import ConversationStore, Ownership
from redis.exceptions import RedisError

from harness.events import events
from harness.waiting import eventually
from tests.support.line import Line
from tests.support.slots import MovingSlot, moving_slot

pytestmark = [pytest.mark.redis, pytest.mark.slow]
PARTITION = 77  # no other test has keys in its slot
HOUR_MS = 3_600_000
NOW_MS = 100 * HOUR_MS
Use = Callable[[ConversationStore], Awaitable[None]]
States = Callable[[], Sequence[ConversationState]]


@pytest.fixture
def slot(redis_nodes: ValkeyCluster) -> Iterator[MovingSlot]:
    """The slot of the partition; its keys are taken away afterwards."""
    with moving_slot(redis_nodes.nodes, partition_keys("", PARTITION).position) as found:
        yield found
        found.clear()
        found.finish()


def with_store(url: str, use: Use) -> None:
    async def run() -> None:
        client = connect(url)
        client.RedisClusterRequestTTL = 4  # type: ignore[union-attr]  # redis-py asks 16 times, 4 s in all
        try:
            await use(ConversationStore(client, prefix=uuid.uuid4().hex, state_retention_ms=HOUR_MS))
        finally:
            await client.aclose()

    asyncio.run(run())


def is_open(name: str) -> ConversationState:
    state = ConversationState("shop", name)
    state.events, state.activity_ms, state.is_open = 1, NOW_MS, True
    state.dirty["conversation"] = state.dirty["votes"] = None
    return state


def has_ended(name: str, at_ms: int = NOW_MS) -> ConversationState:
    state = is_open(name)
    state.is_open, state.end = False, {"reason": "closed", "at": 0, "arrived_ms": at_ms}
    return state


def known_open(state: ConversationState) -> ConversationState:
    """One that its owner has committed as open before."""
    state.listed_open = True
    return state


def is_erased(name: str) -> ConversationState:
    state = has_ended(name)
    state.erased = True
    del state.dirty["conversation"]
    return state


NEXT: dict[str, States] = {
    "one like more": lambda: [is_open("open")],
    "a new conversation": lambda: [is_open("new"), is_open("open")],
    "the last open one ends": lambda: [has_ended("open")],
    "the open one ends and the ended ones open": lambda: [
        has_ended("open"), is_open("ended"), is_open("old"),
    ],
    "the open one goes on": lambda: [known_open(is_open("open"))],
    "the open one goes on beside a new one": lambda: [is_open("new"), known_open(is_open("open"))],
    "the open one, the last, ends": lambda: [known_open(has_ended("open"))],
    "an erasure": lambda: [is_erased("ended")],
    "nothing but what expires": list,
}  # fmt: skip


def batch(epoch: str, first: int, states: Sequence[ConversationState]) -> Commit:
    changes = [part for state in states for part in conversation_changes(state)]
    buckets = {"10s:0": {"shop likes": 1}, "10m:0": {"shop likes": 1}}
    ids = [state.key for state in states]
    return Commit(PARTITION, epoch, first, first + 10, NOW_MS, ids, changes, buckets)


async def begun(store: ConversationStore) -> tuple[str, Leftovers]:
    """A partition with an open, an ended and an expired conversation. Returns its epoch and leftovers."""
    owned = await store.acquire_partition(PARTITION, "me")
    states = is_open("open"), has_ended("ended"), has_ended("old", at_ms=1)
    await store.commit_batch(batch(owned.epoch, 0, states), None)
    found = await store.commit_batch(batch(owned.epoch, 10, []), 10)
    assert found.conversations == ["shop/old"]
    return owned.epoch, found


@pytest.mark.parametrize(
    ("first", "replace"),
    [(b":conversation:", False), (b":metrics:", False), (b":(position|open|ended|changed)$", True)],
    ids=["conversations first", "buckets first", "the rest first, with REPLACE"],
)
@pytest.mark.parametrize("what", NEXT)
@pytest.mark.parametrize("transact_from", [0, 1000], ids=["transaction", "script"])
def test_a_commit_is_all_or_nothing_wherever_its_keys_are(
    redis_cluster: str, slot: MovingSlot, what: str, first: bytes, replace: bool, transact_from: int
) -> None:
    async def use(store: ConversationStore) -> None:
        store.transact_from = transact_from
        epoch, leftovers = await begun(store)
        await store.commit_batch(batch(epoch, 20, NEXT[what]()), 20, leftovers)
        expected = slot.content()
        moved, all_moved = 0, False
        while not all_moved:
            slot.clear()
            epoch, leftovers = await begun(store)
            commit = batch(epoch, 20, NEXT[what]())
            slot.begin()
            all_moved = slot.step(moved, first=first, replace=replace) < moved
            before = slot.content()
            try:
                await store.commit_batch(commit, 20, leftovers)
            except RedisError:
                assert slot.content() == before, f"refused, but written in part, with {moved} keys moved"
            slot.finish(replace=replace)
            await store.commit_batch(commit, 20, leftovers)  # a worker sends it again
            assert slot.content() == expected, f"with {moved} keys moved"
            moved += 1
        assert moved > len(expected) - 2

    with_store(redis_cluster, use)


def test_what_has_moved_is_found_at_a_node_that_had_no_slot(tmp_path: Path) -> None:
    cluster = ValkeyCluster(tmp_path / "cluster")
    try:
        cluster.start()
        cluster.add_node()
        with moving_slot(cluster.nodes, partition_keys("", PARTITION).position) as slot:
            with_store(cluster.address, partial(_use_while_moved, slot, cluster.address))
    finally:
        cluster.stop()


async def _use_while_moved(slot: MovingSlot, url: str, store: ConversationStore) -> None:
    await begun(store)
    slot.begin(to=3)
    slot.step(100)
    reads = [store.reached_ms(PARTITION) for _ in range(4)]
    assert await asyncio.gather(*reads) == [NOW_MS] * 4  # so there are four connections, an even number
    assert await store.open_count(PARTITION) == 1
    assert set(await store.load_conversations(PARTITION, ["shop/open"])) == {"shop/open"}
    owned = await store.acquire_partition(PARTITION, "another")
    assert owned == Ownership(f"r{CURRENT_VERSION}-2", 20)
    with connect_blocking(url) as client:
        assert client.hget(partition_keys(store.prefix, PARTITION).position, "next") == b"20"
    slot.finish()
    await store.commit_batch(batch(owned.epoch, 20, [is_open("new")]), 20)
    assert await store.open_count(PARTITION) == 2


@pytest.mark.kafka
def test_every_like_counts_once_while_slots_move_to_and_fro(
    line: Callable[..., Line], redis_nodes: ValkeyCluster
) -> None:
    one = line(redis=redis_nodes.address, partitions=2)
    one.start_worker()
    seed = 0
    for _ in range(2):  # there, and on to the next node or back
        for partition in range(2):
            with moving_slot(redis_nodes.nodes, partition_keys("", partition).position) as slot:
                one.send(_events(seed))
                one.wait_folded()
                slot.begin()
                slot.step(len(slot.left()) // 2)
                one.send(_events(seed + 1))
                waits = f"waiting: Redis Cluster is moving a slot ({seed})"
                eventually(lambda: "moving a slot" in one.logs(), waits)
                while slot.step(20):
                    one.send(_events(seed + 2, count=20))
                slot.finish()
            seed += 3
    one.wait_folded()
    one.check_exact()


def _events(seed: int, count: int = 300) -> Iterator[tuple[bytes, bytes]]:
    return events(count, open_conversations=20, seed=seed, start_us=time.time_ns() // 1000)
