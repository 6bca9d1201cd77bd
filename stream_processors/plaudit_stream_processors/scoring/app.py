"""The scorer's Faust app: wiring only."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.errors import (
    PlauditError,
    RegistryError,
    ServiceUnavailableError,
    SettingsError,
    TopicError,
)
from plaudit_schemas.models.follower import ActivationFollower
from plaudit_schemas.models.runtime import CPU
from plaudit_schemas.service.redis import RedisClient, connect
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.running.app import batched_app
from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.scoring.chunks import ChunkScorer
from plaudit_stream_processors.scoring.committed import CommittedOffsets
from plaudit_stream_processors.scoring.inference import Inference
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.scoring.overtaken import OvertakenMessages
from plaudit_stream_processors.scoring.pipeline import ScorerPipeline
from plaudit_stream_processors.scoring.score_output import ScoreOutput
from plaudit_stream_processors.scoring.selection import AnswerSelection
from plaudit_stream_processors.scoring.settings import ScorerSettings
from plaudit_stream_processors.scoring.topic_identity import EventsLog, events_log, refuse_remade
from plaudit_stream_processors.scoring.versions import OpenVersion, Versions
from plaudit_stream_processors.state.messages import MessageReader
from plaudit_stream_processors.transport import Transport

log = logging.getLogger("plaudit.scorer")

_TOPIC_CHECK_S: Final = 10.0
_READ_ON_S: Final = 2.0  # between two looks for partitions whose log has lost records
_CLOSE_S: Final = 10.0


@dataclass(slots=True)
class Scorer:
    """The parts of one scorer, wired together; `app` is what runs."""

    app: Any
    began: EventsLog
    client: RedisClient
    output: GaplessOutput
    metrics: ScorerMetrics
    readiness: Readiness
    follower: ActivationFollower
    inference: Inference
    versions: Versions
    committed: CommittedOffsets
    pipeline: ScorerPipeline
    expects_cuda: bool = False
    failure: BaseException | None = None

    def lag(self) -> dict[int, int]:
        """Partition -> records that are not handled yet; only those whose end a fetch has told."""
        return {tp.partition: records for tp, records in self.app.consumer.lag().items()}

    @property
    def ended_by(self) -> BaseException | None:
        """What made the scorer fail, in its own parts or in Faust; None while nothing did."""
        return self.failure or self.app.crash_reason

    def waits_for(self) -> str | None:
        """A service or the worker that is known to be away, or a version; None while there is none."""
        behind = next(iter(self.pipeline.behind.values()), None)
        loading = "a version is being loaded" if self.versions.is_loading else None
        return self.readiness.waiting_for or self.output.away or behind or loading

    def waits_since(self) -> float | None:
        """Since when nothing was scored of the partition that has waited longest; None if none waits.

        A slow model is no hang. Neither is a worker that is behind.
        """
        since: float | None = self.app.consumer.waits_since()
        return None if since is None or self.pipeline.behind else max(since, self.inference.ended_at)

    def unready(self) -> str | None:
        """Why the scorer is not ready; None when it is."""
        if self.failure is not None or self.app.crashed:
            return f"failed: {self.ended_by}"
        if not self.pipeline.partitions and not self.app.unassigned:
            return "no partition was assigned yet"
        if self.follower.activations.newest is None:
            return f"no version of {self.follower.name} is published; run `plaudit models publish`"
        return self.readiness.unready(
            rebalancing=bool(self.app.rebalancing),
            waits_since=self.waits_since(),
            kafka_away=self.output.away,
        )

    def degraded(self) -> str | None:
        """What a ready scorer has to do without; None if nothing is missing."""
        return next(iter((*self.unusable, *self.pipeline.behind.values())), None)

    @property
    def unusable(self) -> list[str]:
        """What is wrong with publications of this model, a sentence for each."""
        name, versions = self.follower.name, self.versions.unusable
        unread = [
            f"publication {key} cannot be read, so what is active may be another version: {reason}"
            for key, reason in self.follower.unreadable
        ]
        return [
            f"version {one} of {name} cannot be used: {reason}" for one, reason in versions.items()
        ] + unread

    def update_metrics(self) -> None:
        """Set the gauges that show the present state."""
        self.metrics.gauge("plaudit_scorer_ready").set(self.unready() is None)
        self.metrics.show_lag(self.lag())
        self.metrics.show_usage(self.inference.usage)
        on_cpu = any(model.provider == CPU for model in self.versions.loaded)
        self.metrics.gauge("plaudit_scorer_unwanted_provider").set(self.expects_cuda and on_cpu)
        self.metrics.show_models(self.versions.loaded, self.unusable)

    async def close(self) -> None:
        """Free what the app does not free."""
        await self.versions.close()
        self.inference.close()
        self.follower.close()
        self.committed.close()
        await self.client.aclose()


def create_scorer(
    connection: ConnectionSettings,
    settings: ScorerSettings,
    open_version: OpenVersion,
    model: str,
    began: EventsLog,
) -> Scorer:
    """Wire a scorer. It connects to nothing before the app starts.

    Args:
        model: the name of the published model.
    """
    client = connect(connection.redis_url.get_secret_value())
    output, metrics = GaplessOutput(connection), ScorerMetrics()
    readiness, inference, overtaken = Readiness(), Inference(), OvertakenMessages()
    follower = ActivationFollower(connection, model, min_delay_ms=int(settings.scorer_min_delay_s * 1000))
    versions = Versions(follower, open_version, inference.release)
    schemas, group = connection.schemas(), settings.group_of(model)
    encoder = Encoder("conversation_event", schemas)
    aspects = read_aspects(connection.aspects)
    chunks = ChunkScorer(
        MessageReader(client, connection.redis_prefix), versions, inference,
        ScoreOutput(output.send_records, encoder, began.name, aspects), overtaken, metrics,
    )  # fmt: skip
    committed = CommittedOffsets(connection, connection.topic_prefix + group, began.id)
    pipeline = ScorerPipeline(
        committed, encoder, Decoder("conversation_event", schemas, sparse=True),
        AnswerSelection(settings, overtaken, began.partitions), chunks, metrics, readiness,
    )  # fmt: skip
    app = batched_app(connection, group, batch=settings.scorer_batch, session_s=settings.scorer_session_s)
    scorer = Scorer(
        app, began, client, output, metrics, readiness, follower, inference, versions, committed, pipeline
    )
    _wire_pipeline(scorer)
    _wire_timers(scorer, connection, settings)
    return scorer


def _wire_pipeline(scorer: Scorer) -> None:
    app, pipeline = scorer.app, scorer.pipeline
    Transport.use_positions(app, pipeline, scorer.began.id)

    def fail(error: BaseException) -> None:
        if scorer.failure is None:
            scorer.failure = error
            log.error("stopping: %s", error)

    pipeline.on_failure = fail
    topic = app.topic(scorer.began.name, key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name="score")  # type: ignore[untyped-decorator]  # Faust is not typed
    async def score_batches(stream: Any) -> None:
        async for event in stream.noack().events():  # the pipeline acknowledges, once a batch is scored
            pipeline.process_batch(event.value, event.ack)


def _wire_timers(scorer: Scorer, connection: ConnectionSettings, settings: ScorerSettings) -> None:
    app, versions, fail = scorer.app, scorer.versions, scorer.pipeline.on_failure

    @app.timer(settings.scorer_look_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def look_for_publications() -> None:
        try:
            await versions.look()
        except SettingsError as error:
            fail(error)
        except (ServiceUnavailableError, TopicError, RegistryError) as error:
            log.warning("publications cannot be looked at: %s", error)

    @app.timer(_CLOSE_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def close_unused() -> None:
        await versions.close_unused()

    @app.timer(_TOPIC_CHECK_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def check_topic() -> None:
        await _check_topic(scorer, connection, fail)

    @app.timer(_READ_ON_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def read_on() -> None:
        if not app.rebalancing and app.consumer.aside and await _check_topic(scorer, connection, fail):
            await _read_on(scorer)


async def _check_topic(
    scorer: Scorer, connection: ConnectionSettings, fail: Callable[[BaseException], None]
) -> bool:
    """Whether the topic is surely still the one that the scorer began with; fails if it is another one."""
    try:
        now = await asyncio.to_thread(events_log, connection)
    except PlauditError as error:
        log.warning("the topics cannot be looked at: %s", error)
        return False
    try:
        refuse_remade(scorer.began, now)
    except TopicError as error:
        fail(error)
        return False
    return True


async def _read_on(scorer: Scorer) -> None:
    """Go on with partitions whose log has lost what was to be read next. Nobody can score it any more."""
    consumer = scorer.app.consumer
    for tp, why in list(consumer.aside.items()):
        if not await consumer.read_again(tp, why.end):
            continue
        if why.why == "deleted":
            scorer.metrics.counter("plaudit_scorer_deleted_records_total").inc(why.end - why.first)
        log.warning(
            "partition %d: Kafka has lost records around offset %d; scoring goes on at %d",
            tp.partition, why.first, why.end,
        )  # fmt: skip
