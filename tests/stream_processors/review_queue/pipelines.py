"""A pipeline of the review queues on fakes."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.review.changes import NewItem, QueueChanges, QueueRules
from plaudit_schemas.review.claims import QueueProgress
from plaudit_schemas.review.publications import PublishedRubric, RubricBook, RubricRecord
from plaudit_schemas.review.queue import QueueGapError
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.salts import fingerprint_of
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.review.targets import QueueName, ReviewTarget
from plaudit_schemas.settings import load
from plaudit_stream_processors.fold import ConversationState, RulesHistory
from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.review_queue.acceptance import EventAcceptance, KeptStates
from plaudit_stream_processors.review_queue.metrics import ReviewQueueMetrics
from plaudit_stream_processors.review_queue.pipeline import ReviewPipeline
from plaudit_stream_processors.review_queue.queues import FollowedQueues
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.state.messages import BehindError

from harness.waiting import come_true
from tests.stream_processors.review_queue.builders import PARTITION, RULES, SALT, Log

EVENTS = TP("events", PARTITION)
SETTINGS = load(ReviewSettings, environ={"PLAUDIT_REVIEW_SALT": SALT.decode()})


class FakeStore:
    """A queue in memory, with the positions' rules of the real one."""

    def __init__(self, name: QueueName) -> None:
        self.name = name
        self.held: dict[int, int] = {}
        self.applied: list[tuple[int, int, QueueChanges]] = []
        self.added: list[NewItem] = []
        self.erased: list[str] = []
        self.expected: list[Mapping[int, int]] = []
        self.dropped = 0

    async def expect(self, ends: Mapping[int, int]) -> None:
        self.expected.append(ends)

    async def stage(self) -> str:
        return "ready" if self.expected else "unknown"

    async def positions(self) -> dict[int, int]:
        return dict(self.held)

    async def apply(
        self, partition: int, first: int, following: int, changes: QueueChanges, _rules: QueueRules
    ) -> None:
        if first > self.held.get(partition, 0):
            raise QueueGapError("a gap")
        self.held[partition] = max(following, self.held.get(partition, 0))
        self.applied.append((first, following, changes))

    async def add_rubric_items(self, items: Sequence[NewItem], _rules: QueueRules) -> None:
        self.added += items

    async def erase(self, conversation_id: str) -> None:
        self.erased.append(conversation_id)

    async def drop(self) -> None:
        self.dropped += 1
        self.held.clear()

    async def progress(self) -> QueueProgress:
        return QueueProgress(len(self.added), 0, 0, 0, 0, 0, {})


class FakeFollower:
    """Publications in memory; times are those of the list."""

    def __init__(self, *rubrics: Rubric) -> None:
        self.unreadable: list[tuple[str, str]] = []
        self.records: list[RubricRecord] = []
        self._book: tuple[int, RubricBook] = (-1, RubricBook())
        for given in rubrics:
            self.publish(given)

    def publish(self, given: Rubric, salt: bytes = SALT) -> None:
        fingerprint = fingerprint_of(salt) if given.select.random else None
        self._add("publish", given, rubric=given, salt_fingerprint=fingerprint)

    def withdraw(self, given: Rubric) -> None:
        self._add("withdraw", given)

    def send(self, given: Rubric, target: ReviewTarget) -> None:
        self._add("send", given, target=target)

    def _add(self, action: Any, given: Rubric, **fields: Any) -> None:
        at = len(self.records)
        self.records.append(
            RubricRecord(
                f"p{at}", action, given.application, given.name, given.version, published_ms=at, **fields
            )
        )

    def look(self) -> RubricBook:
        if self._book[0] != len(self.records):
            self._book = len(self.records), RubricBook(self.records)
        return self._book[1]


class FakeReader:
    """The live state of a log, folded up to an offset."""

    def __init__(self, log: Log) -> None:
        self.log, self.folded, self.reads = log, 1000, 0

    async def read(self, partition: int, offset: int, keys: Sequence[str]) -> dict[str, ConversationState]:
        self.reads += 1
        if offset > self.folded:
            raise BehindError(f"partition {partition} is folded up to {self.folded}, and {offset} is needed")
        return {key: state for key, state in self.log.live().items() if key in keys}

    async def rules_history(self, _partition: int) -> RulesHistory:
        return RulesHistory()


class Keeping:
    """A pipeline on fakes, and what it did."""

    def __init__(self, log: Log, *rubrics: Rubric, keep_hours: float = 24.0) -> None:
        self.log, self.stores = log, dict[QueueName, FakeStore]()
        self.follower, self.reader = FakeFollower(*rubrics), FakeReader(log)
        follower, reader = (self.follower, self.reader), self.reader
        given: Any = follower[0]
        self.queues = FollowedQueues(given, self._open, SETTINGS, keep_hours)
        self.metrics = ReviewQueueMetrics()
        read: Any = reader
        self.pipeline = ReviewPipeline(
            self.queues, read, Decoder("conversation_event", sparse=True),
            EventAcceptance(RULES, KeptStates()), self.metrics, Readiness(), lambda: self.bounds,
        )  # fmt: skip
        self.bounds = {PARTITION: (0, 7)}
        self.acked: list[int] = []
        self.failures: list[BaseException] = []
        self.pipeline.on_failure = self.failures.append

    def _open(self, name: QueueName) -> Any:
        return self.stores.setdefault(name, FakeStore(name))

    def store(self, given: Rubric) -> FakeStore:
        return self.stores[QueueName(given.application, given.name, given.version)]

    def published(self, given: Rubric) -> PublishedRubric:
        found = self.follower.look().find(QueueName(given.application, given.name, given.version))
        assert found is not None
        return found

    def give(self, first: int, following: int) -> None:
        """Hand over the log's records from one offset up to another."""
        encoder = Encoder("conversation_event")
        records = [
            KafkaRecord(PARTITION, record.offset, record.timestamp, record.key, encoder.encode(event))
            for record, event in self.log.records[first:following]
        ]
        batch = FetchedBatch("events", PARTITION, records, first, following, 1, time.monotonic())
        self.pipeline.process_batch(batch, lambda: self.acked.append(following))

    async def done(self, *following: int) -> None:
        await come_true(lambda: self.acked == list(following), f"{following} are acknowledged")

    def run(self, work: Any) -> None:
        async def begin() -> None:
            await self.queues.look()
            await self.pipeline.acquire([EVENTS], 1)
            await work()
            await self.pipeline.settle()

        asyncio.run(begin())
        assert self.failures == []
