"""The pipeline on a store that the test holds back: what is written, in which order, and what is given up."""

import asyncio
from collections.abc import Sequence
from typing import Any

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.store import Commit, Ownership
from plaudit_stream_processors.transport import FetchedBatch
from plaudit_stream_processors.worker.partition_folder import FoldContext, WorkerTopics
from plaudit_stream_processors.worker.pipeline import WorkerPipeline
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.readiness import Readiness

from harness.waiting import all_wait

EVENTS_0 = TP("events", 0)


class _Store:
    """Commits once `go` is set; refuses a gap, as Redis does."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.started = asyncio.Event()
        self.committed: list[tuple[int, int]] = []

    async def acquire_partition(self, _partition: int, _owner: str) -> Ownership:
        return Ownership(1, 0)

    async def commit_batch(self, batch: Commit, _committed: int | None) -> None:
        self.started.set()
        await self.go.wait()
        assert batch.first_offset == (self.committed[-1][1] if self.committed else 0), "a gap"
        self.committed.append((batch.first_offset, batch.next_offset))


class _Output:
    away = None

    async def send_records(self, records: Sequence[ProducerRecord]) -> None:
        assert not records


async def _admit(_kind: str, values: list[str]) -> list[bool]:
    return [True] * len(values)


def _pipeline(store: Any) -> WorkerPipeline:
    topics = WorkerTopics("events", "finished", "letters", "metrics")
    decoder, encoder = Decoder("conversation_event", sparse=True), Encoder("finished_conversation")
    context = FoldContext(topics, store, Rules(), LabelLimit(_admit), decoder, encoder)
    output: Any = _Output()
    return WorkerPipeline(context, output, WorkerMetrics(), Readiness(), owner="me", max_entities=1000)


def _batch(first: int, session: int = 1) -> FetchedBatch:
    return FetchedBatch("events", 0, [], first, first + 10, session, 0.0)


async def _started() -> tuple[_Store, WorkerPipeline, list[BaseException]]:
    store = _Store()
    pipeline = _pipeline(store)
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
