"""A pipeline of the scorer on fakes."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.records import validate
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord
from plaudit_schemas.settings import load
from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.scoring.chunks import ChunkScorer
from plaudit_stream_processors.scoring.inference import Inference
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.scoring.overtaken import OvertakenMessages
from plaudit_stream_processors.scoring.pipeline import ScorerPipeline
from plaudit_stream_processors.scoring.score_output import ScoreOutput
from plaudit_stream_processors.scoring.selection import AnswerSelection
from plaudit_stream_processors.scoring.settings import ScorerSettings
from plaudit_stream_processors.scoring.versions import Versions

from harness.waiting import all_wait, come_true
from tests.stream_processors.scoring.builders import (
    KEY,
    PARTITION,
    PARTITIONS,
    FakeFollower,
    FakeModel,
    FakeState,
    activation,
    record,
)

EVENTS = TP("events", PARTITION)


class Committed:
    """Offsets that the group has committed."""

    def __init__(self, offset: int | None) -> None:
        self.offset = offset

    def read(self, partitions: Sequence[TP]) -> dict[TP, int | None]:
        return dict.fromkeys(partitions, self.offset)


class Line:
    """A pipeline on fakes, and what it did."""

    def __init__(
        self,
        state: FakeState,
        model: FakeModel | None = None,
        *,
        committed: int | None = 0,
        aspects: Aspects | None = None,
        active_from_ms: int = 500,
        **settings: str,
    ) -> None:
        self.state, self.model = state, model or FakeModel()
        self.sent: list[ProducerRecord] = []
        self.acked: list[int] = []
        self.failures: list[BaseException] = []
        self.go = asyncio.Event()
        self.go.set()
        self.refusal: Exception | None = None
        self.metrics, self.inference, overtaken = ScorerMetrics(), Inference(), OvertakenMessages()
        versions = Versions(
            FakeFollower(activation("1", active_from_ms)),
            lambda _activation: self.model,
            self.inference.release,
        )
        environ = {f"PLAUDIT_SCORER_{name.upper()}": value for name, value in settings.items()}
        reader: Any = state
        chunks = ChunkScorer(
            reader, versions, self.inference,
            ScoreOutput(self._send, Encoder("conversation_event"), "events", aspects or Aspects.none()),
            overtaken, self.metrics,
        )  # fmt: skip
        positions: Any = Committed(committed)
        given = load(ScorerSettings, environ=environ)
        self.pipeline = ScorerPipeline(
            positions, Encoder("conversation_event"), Decoder("conversation_event", sparse=True),
            AnswerSelection(given, overtaken, PARTITIONS), chunks, self.metrics, Readiness(),
        )  # fmt: skip
        self.pipeline.on_failure = self.failures.append

    async def _send(self, records: Sequence[ProducerRecord]) -> None:
        await self.go.wait()
        if self.refusal is not None:
            raise self.refusal
        self.sent += records

    def scores(self) -> list[tuple[str, float]]:
        decoder, found = Decoder("conversation_event"), []
        for sent in self.sent:
            assert sent.value is not None
            event = decoder.decode(sent.value)
            validate(event)
            assert (sent.partition, sent.key, event["source"]) == (PARTITION, KEY.encode(), "scorer")
            body = event["body"][1]
            found.append((body["message_id"], body["feedback"]["value"][1]["number"]))
        return found

    def skipped(self) -> dict[str, float]:
        """The number of answers without a score, by reason."""
        samples = [each for family in self.metrics.registry.collect() for each in family.samples]
        name = "plaudit_scorer_skipped_total"
        return {each.labels["reason"]: each.value for each in samples if each.name == name and each.value}

    def give(self, first: int, *bodies: dict[str, Any], session: int = 1, events: Sequence[str] = ()) -> None:
        """Hand over a batch with these messages, each with the event id `e` unless `events` says others."""
        records = []
        encoder = Encoder("conversation_event")
        for at, body in enumerate(bodies):
            given, event = record(body, event_id=events[at] if events else "e", offset=first + at)
            value = encoder.encode({**event, "occurred_at": 1, "source": "sdk"})
            records.append(KafkaRecord(PARTITION, first + at, given.timestamp, given.key, value))
        following = first + max(1, len(bodies))
        batch = FetchedBatch("events", PARTITION, records, first, following, session, time.monotonic())
        self.pipeline.process_batch(batch, lambda: self.acked.append(following))

    async def idle(self) -> None:
        await all_wait(*self.pipeline._tasks)

    async def done(self, *following: int) -> None:
        await come_true(lambda: self.acked == list(following), f"{following} are acknowledged")


def run(line: Line, work: Any) -> None:
    async def begin() -> None:
        await line.pipeline.acquire([EVENTS], 1)
        await work()
        await line.pipeline.settle()

    asyncio.run(begin())
    line.inference.close()
