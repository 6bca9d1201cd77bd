"""The Faust app: wiring only."""

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from typing import Any, Final

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.contract.aspects import read_aspects
from plaudit_schemas.kafka.schema_ids import moved_ids, schemas_of
from plaudit_schemas.service.redis import connect
from plaudit_schemas.service.redis_watch import LOOK_EVERY_S, RedisWatch
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED, METRICS

from plaudit_stream_processors.fold import EMITTED, Rules
from plaudit_stream_processors.metrics.declared import DeclaredFirst
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.running.app import batched_app
from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.running.process import AppParts
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.state.counters import CounterReader
from plaudit_stream_processors.state.label_places import LabelPlaces
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.transport import Transport
from plaudit_stream_processors.worker.batches import FoldContext, WorkerTopics
from plaudit_stream_processors.worker.label_watch import LabelWatch
from plaudit_stream_processors.worker.letter_watch import LetterWatch
from plaudit_stream_processors.worker.pipeline import WorkerPipeline
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.redis_guard import RedisGuard
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.snapshots import SnapshotPublisher
from plaudit_stream_processors.worker.sweeper import EventsTopic, end_idle_conversations
from plaudit_stream_processors.worker.topic_checks import LineTopics
from plaudit_stream_processors.worker.topic_watch import TopicWatch
from plaudit_stream_processors.worker.unread import read_accepted, unread_reason

log = logging.getLogger(__name__)

_PLACES_EVERY_S: Final = 15.0
_READ_AGAIN_S: Final = 2.0  # between two looks for the accepted end of what a log has lost


@dataclass
class Worker(AppParts):
    """The parts of one worker, wired together; `app` is what runs."""

    app: Any
    context: FoldContext
    output: GaplessOutput
    metrics: WorkerMetrics
    readiness: Readiness
    redis: RedisGuard
    pipeline: WorkerPipeline
    watch: TopicWatch
    letters: LetterWatch
    failure: BaseException | None = None

    @property
    def kafka_away(self) -> str | None:
        """Why nothing can be sent to Kafka now; None while nothing is known to be wrong."""
        return self.output.away

    def waits_for(self) -> str | None:
        """A service that it needs and that is known to be away; None while there is none."""
        return self.readiness.waiting_for or self.kafka_away

    def waits_since(self) -> float | None:
        """Since when the partition that has waited longest waits for a commit; None if none waits."""
        since: float | None = self.app.consumer.waits_since()
        return since

    def unready(self) -> str | None:
        """Why the worker is not ready; None when it is."""
        if self.failure is not None or self.app.crashed:
            return f"failed: {self.ended_by}"
        if not self.pipeline.partitions and not self.app.unassigned:
            return "no partition was assigned yet"
        unread = [unread_reason(tp.partition, why) for tp, why in self.app.consumer.aside.items()]
        if self.watch.unsafe or unread:
            return self.watch.unsafe or unread[0]
        return self.readiness.unready(
            rebalancing=bool(self.app.rebalancing),
            waits_since=self.waits_since(),
            kafka_away=self.kafka_away,
        )

    def degraded(self) -> str | None:
        """Nothing: a worker is either ready or not."""
        return None

    def update_metrics(self) -> None:
        """Set the gauges that show the present state."""
        self.metrics.gauge("plaudit_ready").set(self.unready() is None)
        self.metrics.gauge("plaudit_folded_labels").set(self.context.label_limit.refused_values)
        self.metrics.gauge("plaudit_moved_schemas").set(moved_ids(self.context.schemas))
        self.metrics.show_lag(self.lag())
        self.metrics.show_problems(self.watch.problems)
        self.metrics.show_letters(self.letters.waiting, self.watch.topics.letters_keep_ms)
        self.metrics.show_aside({tp.partition: why for tp, why in self.app.consumer.aside.items()})


def create_worker(
    connection: ConnectionSettings,
    settings: WorkerSettings,
    topics: LineTopics,
    *,
    metrics: WorkerMetrics,
    readiness: Readiness,
) -> Worker:
    """Wire a worker. It connects to nothing before the app starts."""
    context, output = _fold_context(connection, settings, topics), GaplessOutput(connection)
    guard = RedisGuard(RedisWatch(connection.redis_url.get_secret_value()), context.store, metrics)
    pipeline = WorkerPipeline(
        context, output, metrics, readiness,
        owner=f"{socket.gethostname()}:{os.getpid()}", max_entities=settings.worker_cache,
        partitions=topics.partitions,
    )  # fmt: skip
    pipeline.refuse_unsafe = guard.refuse_unsafe
    watch = TopicWatch(connection, settings, topics)
    letters = LetterWatch(connection, settings.topic_check_s, lambda: 0 in pipeline.partitions)
    app = batched_app(
        connection, settings.worker_group,
        batch=settings.worker_batch, session_s=settings.worker_session_s, instance=settings.worker_instance,
    )  # fmt: skip
    worker = Worker(app, context, output, metrics, readiness, guard, pipeline, watch, letters)
    _wire_pipeline(worker)
    _wire_watch(worker)
    _wire_timers(worker, connection, settings, topics.partitions)
    return worker


def _fold_context(
    connection: ConnectionSettings, settings: WorkerSettings, topics: LineTopics
) -> FoldContext:
    store = ConversationStore(
        connect(connection.redis_url.get_secret_value()),
        prefix=connection.redis_prefix,
        state_retention_ms=settings.state_retention_ms,
        late_guard_ms=topics.keeps_ms,
    )

    places = _label_places(store)
    admission = DeclaredFirst(places, settings.metric_values, read_aspects(connection.aspects))
    models = [model for model in settings.metric_models.split(",") if model]
    label_limit = LabelLimit(admission, models)
    schemas, prefix = schemas_of(connection), connection.topic_prefix
    return FoldContext(
        topics=WorkerTopics(*(prefix + name for name in (EVENTS, FINISHED, DEAD_LETTERS, METRICS))),
        store=store,
        rules=Rules(
            settings.state_retention_ms,
            label_limit.names_at,
            partitions=topics.partitions,
        ),
        label_limit=label_limit,
        decoder=Decoder("conversation_event", schemas, sparse=True),
        encoders={name: Encoder(name, schemas) for name in EMITTED},
        schemas=schemas,
    )


def _label_places(store: ConversationStore) -> LabelPlaces:
    return LabelPlaces(store.client, store.prefix, lambda: store.late_guard_ms)


def _wire_pipeline(worker: Worker) -> None:
    app, pipeline = worker.app, worker.pipeline
    Transport.use_positions(app, pipeline)

    def fail(error: BaseException) -> None:
        if worker.failure is None:
            worker.failure = error
            log.error("stopping: %s", error)
            asyncio.get_running_loop().create_task(app.crash(error))  # not awaited: the app ends with it

    pipeline.on_failure = fail
    topic = app.topic(worker.context.topics.events, key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name="fold")  # type: ignore[untyped-decorator]  # Faust is not typed
    async def fold_batches(stream: Any) -> None:
        async for event in stream.noack().events():  # the pipeline acknowledges, once a batch is committed
            try:
                await pipeline.process_batch(event.value, event.ack)
            except Exception as error:
                fail(error)
                raise


def _wire_watch(worker: Worker) -> None:
    app, watch = worker.app, worker.watch

    def follow() -> None:
        app.consumer.held = watch.stops_folding
        worker.context.store.late_guard_ms = watch.topics.keeps_ms

    def hold(partitions: int) -> None:
        app.consumer.held = True  # until the look that follows
        watch.note_assigned(partitions)

    watch.on_look, worker.pipeline.on_foreign = follow, hold


def _wire_timers(
    worker: Worker, connection: ConnectionSettings, settings: WorkerSettings, partitions: int
) -> None:
    app, context = worker.app, worker.context
    event_encoder = Encoder("conversation_event", context.schemas)
    snapshot_encoder = Encoder("metric_snapshot", context.schemas)
    counters = CounterReader(context.store.client, connection.redis_prefix, range(partitions))
    publisher = SnapshotPublisher(
        counters,
        worker.output,
        snapshot_encoder,
        worker.metrics,
        context.topics.metrics,
        read_aspects(connection.aspects),
    )

    @app.task  # type: ignore[untyped-decorator]  # Faust is not typed
    async def learn_schema_ids() -> None:
        await worker.pipeline.learn_ids([*context.encoders.values(), event_encoder, snapshot_encoder])

    @app.timer(settings.snapshot_interval_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def publish_snapshots() -> None:
        if snapshot_encoder.has_id:
            await publisher.publish_snapshots(worker.pipeline.partitions)

    labels = LabelWatch(
        _label_places(context.store),
        settings.metric_values,
        worker.metrics,
        read_aspects(connection.aspects),
    )

    @app.timer(_PLACES_EVERY_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def watch_labels() -> None:
        await labels.look(is_mine=0 in worker.pipeline.partitions)

    @app.timer(LOOK_EVERY_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def watch_redis() -> None:
        await worker.redis.look_again(worker.pipeline.check_held, worker.pipeline.on_failure)

    @app.timer(settings.sweep_interval_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def sweep() -> None:
        # A conversation may look idle only because nothing is folded.
        if event_encoder.has_id and not app.consumer.held:
            await end_idle_conversations(
                context.store, worker.output, event_encoder, worker.lag(),
                topic=EventsTopic(context.topics.events, partitions), idle_timeout_s=settings.idle_timeout_s,
                now_ms=await worker.output.broker_now_ms(context.topics.metrics),
            )  # fmt: skip

    @app.timer(_READ_AGAIN_S)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def read_again() -> None:
        if not app.rebalancing:
            await read_accepted(app.consumer, worker.pipeline)
