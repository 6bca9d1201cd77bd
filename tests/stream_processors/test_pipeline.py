"""The pipeline on a store that the test holds back: what is written, in which order, and what is given up."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import RegistryUnavailableError
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord
from plaudit_stream_processors.fold import EMITTED, ConversationState, Rules
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.state.commit import Commit, Leftovers
from plaudit_stream_processors.state.store import Ownership
from plaudit_stream_processors.worker.batches import FoldContext, WorkerTopics
from plaudit_stream_processors.worker.pipeline import WorkerPipeline
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.redis_guard import UnsafeRedisError

from harness.events import events
from harness.waiting import all_wait, come_true
from tests.support.shared_places import SharedPlaces

EVENTS_0 = TP("events", 0)


class _Client:
    """Holds no key."""

    async def execute_command(self, *_command: Any) -> int:
        return 0


class _Store:
    """Commits once `go` is set; refuses a gap, as Redis does."""

    client, prefix = _Client(), ""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.started = asyncio.Event()
        self.committed: list[tuple[int, int]] = []

    async def acquire_partition(self, _partition: int, _owner: str) -> Ownership:
        return Ownership("1", 0)

    async def load_conversations(self, *_arguments: Any) -> dict[str, ConversationState]:
        return {}

    async def commit_batch(self, batch: Commit, _committed: int | None, found: Leftovers) -> Leftovers:
        self.started.set()
        await self.go.wait()
        assert batch.first_offset == (self.committed[-1][1] if self.committed else 0), "a gap"
        self.committed.append((batch.first_offset, batch.next_offset))
        return found


class _Output:
    away = None

    def __init__(self) -> None:
        self.sent: list[ProducerRecord] = []

    async def send_records(self, records: Sequence[ProducerRecord]) -> None:
        self.sent += records


class _Registry:
    """Gives an id once it was asked so often."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    def id_of(self, _name: str) -> int:
        self.failures -= 1
        if self.failures >= 0:
            raise RegistryUnavailableError("the registry is away")
        return 3

    def text_of(self, _schema_id: int) -> str:
        raise NotImplementedError


class _FailingEncoder(Encoder):
    """Fails as a service does that is away, in the middle of a fold."""

    def encode(self, _record: Any) -> bytes:
        raise RegistryUnavailableError("asked in the middle of a fold")


def _pipeline(store: Any, encoder: Encoder, output: Any) -> WorkerPipeline:
    topics = WorkerTopics("events", "finished", "letters", "metrics")
    decoder = Decoder("conversation_event", sparse=True)
    encoders = {name: encoder if name == "finished_conversation" else Encoder(name) for name in EMITTED}
    context = FoldContext(topics, store, Rules(), LabelLimit(SharedPlaces()), decoder, encoders)
    return WorkerPipeline(
        context, output, WorkerMetrics(), Readiness(), owner="me", max_entities=1000, partitions=2
    )


def _chats(count: int) -> FetchedBatch:
    """Whole conversations, one after the other."""
    log = list(events(count, open_conversations=1, start_us=1_790_000_000_000_000))
    records = [KafkaRecord(0, at, 1_790_000_000_000, key, value) for at, (key, value) in enumerate(log)]
    return FetchedBatch("events", 0, records, 0, count, 1, 0.0)


def _batch(first: int, session: int = 1) -> FetchedBatch:
    return FetchedBatch("events", 0, [], first, first + 10, session, 0.0)


async def _started() -> tuple[_Store, WorkerPipeline, list[BaseException]]:
    store = _Store()
    pipeline = _pipeline(store, Encoder("finished_conversation"), _Output())
    failures: list[BaseException] = []
    pipeline.on_failure = failures.append
    await pipeline.acquire([EVENTS_0], 1)
    return store, pipeline, failures


def test_a_batch_is_acknowledged_once_it_is_committed_and_one_after_the_other() -> None:
    async def run() -> None:
        store, pipeline, failures = await _started()
        acks: list[int] = []
        await pipeline.process_batch(_batch(0), lambda: acks.append(0))
        second = asyncio.create_task(pipeline.process_batch(_batch(10), lambda: acks.append(10)))
        await asyncio.wait_for(store.started.wait(), 30)
        assert acks == []
        store.go.set()
        await second
        await pipeline.settle()
        assert (acks, store.committed, failures) == ([0, 10], [(0, 10), (10, 20)], [])

    asyncio.run(run())


def test_what_is_given_up_while_the_worker_settles_is_followed_by_nothing() -> None:
    async def run() -> None:
        store, pipeline, failures = await _started()
        acks: list[int] = []
        await pipeline.process_batch(_batch(0), lambda: acks.append(0))
        await asyncio.wait_for(store.started.wait(), 30)
        second = asyncio.create_task(pipeline.process_batch(_batch(10), lambda: acks.append(10)))
        settling = asyncio.create_task(pipeline.settle())
        await all_wait(second, settling)
        store.go.set()
        await asyncio.gather(settling, second)
        await pipeline.process_batch(_batch(20), lambda: acks.append(20))
        await pipeline.settle()
        assert (acks, store.committed, failures) == ([0], [(0, 10)], [])

    asyncio.run(run())


def test_a_batch_of_an_older_session_is_acknowledged_and_not_written() -> None:
    async def run() -> None:
        store, pipeline, _ = await _started()
        store.go.set()
        acks: list[int] = []
        await pipeline.process_batch(_batch(50, session=0), lambda: acks.append(50))
        await pipeline.settle()
        assert (acks, store.committed) == ([50], [])

    asyncio.run(run())


def test_a_registry_that_is_away_is_asked_again_before_anything_is_folded() -> None:
    async def run(failures: int) -> tuple[list[bytes | None], list[tuple[int, int]]]:
        store, output = _Store(), _Output()
        store.go.set()
        registry: Any = _Registry(failures)
        pipeline = _pipeline(store, Encoder("finished_conversation", registry), output)
        await pipeline.acquire([EVENTS_0], 1)
        await pipeline.process_batch(_chats(200), lambda: None)
        await pipeline.settle()
        return [record.value for record in output.sent], store.committed

    expected = asyncio.run(run(failures=0))
    assert len(expected[0]) > 10
    assert asyncio.run(run(failures=2)) == expected


def test_a_fold_that_fails_is_not_repeated() -> None:
    async def run() -> None:
        store = _Store()
        pipeline = _pipeline(store, _FailingEncoder("finished_conversation"), _Output())
        await pipeline.acquire([EVENTS_0], 1)
        with pytest.raises(RegistryUnavailableError, match="in the middle of a fold"):
            await pipeline.process_batch(_chats(200), lambda: None)
        assert store.committed == []

    asyncio.run(run())


def test_nothing_is_written_while_redis_may_lose_it() -> None:
    async def run() -> None:
        store, pipeline, failures = await _started()
        asked, unsafe = 0, True

        def refuse_unsafe() -> None:
            nonlocal asked
            asked += 1
            if unsafe:
                raise UnsafeRedisError("it evicts")

        pipeline.refuse_unsafe = refuse_unsafe
        store.go.set()
        batch = asyncio.create_task(pipeline.process_batch(_batch(0), lambda: None))
        await come_true(lambda: asked >= 2, "it has tried again")
        assert (store.committed, failures) == ([], [])
        unsafe = False
        await batch
        await pipeline.settle()
        assert (store.committed, failures) == ([(0, 10)], [])


def test_a_partition_that_the_state_does_not_have_is_not_taken() -> None:
    async def run() -> None:
        _, pipeline, _ = await _started()
        foreign: list[int] = []
        pipeline.on_foreign = foreign.append
        assert await pipeline.acquire([EVENTS_0, TP("events", 5)], 2) == {EVENTS_0: 0}
        assert (pipeline.partitions, foreign) == ({0}, [6])

    asyncio.run(run())
