"""The Faust app: wiring only."""

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from typing import Any

import faust
import mode
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.service.redis import connect
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED, METRICS

from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.counters import CounterReader
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.transport import Transport
from plaudit_stream_processors.worker.credentials import credentials
from plaudit_stream_processors.worker.output import GaplessOutput
from plaudit_stream_processors.worker.partition_folder import FoldContext, WorkerTopics
from plaudit_stream_processors.worker.pipeline import WorkerPipeline
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.readiness import Readiness
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.snapshots import SnapshotPublisher
from plaudit_stream_processors.worker.sweeper import end_idle_conversations
from plaudit_stream_processors.worker.topic_checks import EventsTopic

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Worker:
    """The parts of one worker, wired together; `app` is what runs."""

    app: Any
    context: FoldContext
    output: GaplessOutput
    metrics: WorkerMetrics
    readiness: Readiness
    pipeline: WorkerPipeline
    failure: BaseException | None = None

    def lag(self) -> dict[int, int]:
        """Partition -> records that are not folded yet; only those whose end a fetch has told."""
        return {tp.partition: records for tp, records in self.app.consumer.lag().items()}

    @property
    def ended_by(self) -> BaseException | None:
        """What made the worker fail, in its own parts or in Faust; None while nothing did."""
        return self.failure or self.app.crash_reason

    def unready(self) -> str | None:
        """Why the worker is not ready; None when it is."""
        if self.failure is not None or self.app.crashed:
            return f"failed: {self.ended_by}"
        if not self.pipeline.partitions and not self.app.unassigned:
            return "no partition was assigned yet"
        return self.readiness.unready(
            rebalancing=bool(self.app.rebalancing),
            waits_since=self.app.consumer.waits_since(),
            kafka_away=self.output.away,
        )

    def update_metrics(self) -> None:
        """Set the gauges that show the present state."""
        self.metrics.gauge("plaudit_ready").set(self.unready() is None)
        self.metrics.gauge("plaudit_folded_labels").set(self.context.label_limit.refused_values)
        self.metrics.show_lag(self.lag())


def create_worker(connection: ConnectionSettings, settings: WorkerSettings, events: EventsTopic) -> Worker:
    """Wire a worker. It connects to nothing before the app starts."""
    context = _fold_context(connection, settings, events)
    output, metrics, readiness = GaplessOutput(connection), WorkerMetrics(), Readiness()
    pipeline = WorkerPipeline(
        context, output, metrics, readiness,
        owner=f"{socket.gethostname()}:{os.getpid()}", max_entities=settings.worker_cache,
    )  # fmt: skip
    worker = Worker(_faust_app(connection, settings), context, output, metrics, readiness, pipeline)
    _wire_pipeline(worker)
    _wire_timers(worker, connection, settings, events.partitions)
    return worker


def _fold_context(
    connection: ConnectionSettings, settings: WorkerSettings, events: EventsTopic
) -> FoldContext:
    store = ConversationStore(
        connect(connection.redis_url.get_secret_value()),
        prefix=connection.redis_prefix,
        state_retention_ms=settings.state_retention_ms,
        late_guard_ms=events.keeps_ms,
    )

    async def admit_values(kind: str, values: list[str]) -> list[bool]:
        return await store.admit_labels(kind, values, settings.metric_values)

    models = [model for model in settings.metric_models.split(",") if model]
    label_limit = LabelLimit(admit_values, models)
    schemas, prefix = connection.schemas(), connection.topic_prefix
    return FoldContext(
        topics=WorkerTopics(*(prefix + name for name in (EVENTS, FINISHED, DEAD_LETTERS, METRICS))),
        store=store,
        rules=Rules(settings.state_retention_ms, label_limit.series_for),
        label_limit=label_limit,
        decoder=Decoder("conversation_event", schemas, sparse=True),
        encoder=Encoder("finished_conversation", schemas),
    )


class _App(faust.App):
    def _create_directories(self) -> None:
        """Creates none. Faust would put a folder for tables where the worker was started."""


def _faust_app(connection: ConnectionSettings, settings: WorkerSettings) -> Any:
    servers = ";".join(f"batched://{server.strip()}" for server in connection.bootstrap_servers.split(","))
    return _App(
        connection.topic_prefix + settings.worker_group,
        broker=servers,
        broker_credentials=credentials(connection.kafka()),
        store="memory://",
        web_enabled=False,
        # `plaudit topics create` makes the topics. Faust would also make one of its own to elect a leader.
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,  # the pipeline settles by itself when partitions are revoked
        agent_supervisor=mode.CrashingSupervisor,  # a restart of the process is the retry
        consumer_group_instance_id=settings.worker_instance,
        consumer_max_fetch_size=4 * 1024 * 1024,
        # A group leader that reads metadata while a broker comes back may see no topic. It then assigns no
        # partition until it reads metadata again, by default after five minutes.
        consumer_metadata_max_age_ms=5000,
        broker_max_poll_records=settings.worker_batch,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.worker_session_s,
        broker_heartbeat_interval=settings.worker_session_s / 3,
        # Faust refuses a session time-out above this one.
        broker_request_timeout=max(60.0, settings.worker_session_s + 5),
    )


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


def _wire_timers(
    worker: Worker, connection: ConnectionSettings, settings: WorkerSettings, partitions: int
) -> None:
    app, context = worker.app, worker.context
    schemas = connection.schemas()
    event_encoder = Encoder("conversation_event", schemas)
    counters = CounterReader(context.store.client, connection.redis_prefix, range(partitions))
    publisher = SnapshotPublisher(
        counters, worker.output, Encoder("metric_snapshot", schemas), worker.metrics, context.topics.metrics
    )

    @app.timer(settings.snapshot_interval_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def publish_snapshots() -> None:
        await publisher.publish_snapshots(worker.pipeline.partitions)

    @app.timer(settings.sweep_interval_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def sweep() -> None:
        await end_idle_conversations(
            context.store, worker.output, event_encoder, worker.lag(),
            topic=context.topics.events, idle_timeout_s=settings.idle_timeout_s,
        )  # fmt: skip
