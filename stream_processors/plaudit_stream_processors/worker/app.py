"""The Faust app: wiring only."""

import asyncio
import logging
import os
import socket
from dataclasses import dataclass
from typing import Any, NamedTuple

import faust
import mode
from confluent_kafka.admin import AdminClient
from plaudit_schemas.codec import Decoder, Encoder
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import TopicError
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED, METRICS
from plaudit_schemas.topics.admin import live_config, live_partitions

from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.metrics.admission import Admission
from plaudit_stream_processors.state.client import connect
from plaudit_stream_processors.state.counters import CounterReader
from plaudit_stream_processors.state.store import ConversationStore
from plaudit_stream_processors.transport import Transport
from plaudit_stream_processors.worker.batches import Tools
from plaudit_stream_processors.worker.credentials import credentials
from plaudit_stream_processors.worker.outlet import LARGEST_BYTES, Outlet
from plaudit_stream_processors.worker.pipeline import Pipeline
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.snapshots import Snapshots
from plaudit_stream_processors.worker.sweeper import sweep
from plaudit_stream_processors.worker.telemetry import Telemetry

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Worker:
    """The parts of one worker, wired; `app` is what runs."""

    app: Any
    pipeline: Pipeline
    telemetry: Telemetry
    store: ConversationStore
    outlet: Outlet
    failure: BaseException | None = None

    def lag(self) -> dict[int, int]:
        """Partition -> records that are not folded yet, as far as a fetch told."""
        return {tp.partition: records for tp, records in self.app.consumer.lag().items()}


class EventsTopic(NamedTuple):
    """What a worker must know of the events topic.

    Attributes:
        keeps_ms: how long a record may be in the log, to the end of its segment; 0 is for ever.
    """

    partitions: int
    keeps_ms: int


def check_topics(connection: ConnectionSettings, settings: WorkerSettings) -> EventsTopic:
    """The events topic, after making sure that it keeps what a replay needs.

    Raises:
        TopicError: a topic is missing, or its settings would break a promise.
        ServiceUnavailableError: Kafka does not answer.
    """
    admin = AdminClient(connection.kafka(log_level=0))
    live = live_partitions(admin, connection)
    events, finished = connection.topic_prefix + EVENTS, connection.topic_prefix + FINISHED
    for name in (connection.topic_prefix + topic for topic in (EVENTS, FINISHED, DEAD_LETTERS, METRICS)):
        if name not in live:
            raise TopicError(f"the topic {name} does not exist; run `plaudit topics create`")
    if live[finished] != live[events]:
        raise TopicError(
            f"{finished} has {live[finished]} partitions, but {events} has {live[events]}; they must agree"
        )
    config = live_config(admin, events)
    if config.get("message.timestamp.type") != "LogAppendTime":
        raise TopicError(
            f"{events} must have message.timestamp.type=LogAppendTime: expiry is decided by arrival"
        )
    retention = int(config.get("retention.ms", "-1"))
    if 0 <= retention < settings.needed_retention_ms:
        raise TopicError(
            f"{events} keeps records for {retention} ms, but state_retention and the longest open time need "
            f"{settings.needed_retention_ms} ms; raise retention.ms or lower those settings"
        )
    largest = int(live_config(admin, finished).get("max.message.bytes", LARGEST_BYTES))
    if largest < LARGEST_BYTES:
        raise TopicError(
            f"{finished} takes records of at most {largest} bytes, but a finished conversation may have "
            f"{LARGEST_BYTES}; raise its max.message.bytes"
        )
    segment = int(config.get("segment.ms", "0"))
    return EventsTopic(live[events], 0 if retention < 0 else retention + segment)


def create_worker(connection: ConnectionSettings, settings: WorkerSettings, events: EventsTopic) -> Worker:
    """Wire a worker. Nothing is connected before the app starts."""
    client = connect(connection.redis_url.get_secret_value())
    store = ConversationStore(
        client,
        prefix=connection.redis_prefix,
        state_retention_ms=settings.state_retention_ms,
        late_guard_ms=events.keeps_ms,
    )
    schemas = connection.schemas()

    async def ask(kind: str, values: list[str]) -> list[bool]:
        return await store.admit(kind, values, settings.metric_values)

    admission = Admission(ask, [model for model in settings.metric_models.split(",") if model])
    tools = Tools(
        topic=connection.topic_prefix + EVENTS,
        store=store,
        rules=Rules(settings.state_retention_ms, admission.admit),
        admission=admission,
        decoder=Decoder("conversation_event", schemas, sparse=True),
        encoder=Encoder("finished_conversation", schemas),
    )
    outlet, telemetry = Outlet(connection), Telemetry()
    pipeline = Pipeline(
        tools,
        outlet,
        telemetry,
        owner=f"{socket.gethostname()}:{os.getpid()}",
        finished_topic=connection.topic_prefix + FINISHED,
        dead_letter_topic=connection.topic_prefix + DEAD_LETTERS,
        max_entities=settings.worker_cache,
    )
    worker = Worker(_app(connection, settings), pipeline, telemetry, store, outlet)
    _wire(worker, connection, settings, events.partitions)
    return worker


class _App(faust.App):
    def _create_directories(self) -> None:
        """No tables, so no folders beside whatever the worker was started in."""


def _app(connection: ConnectionSettings, settings: WorkerSettings) -> Any:
    servers = ";".join(f"batched://{server.strip()}" for server in connection.bootstrap_servers.split(","))
    return _App(
        connection.topic_prefix + settings.worker_group,
        broker=servers,
        broker_credentials=credentials(connection.kafka()),
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        stream_wait_empty=False,
        agent_supervisor=mode.CrashingSupervisor,
        consumer_group_instance_id=settings.worker_instance,
        consumer_max_fetch_size=4 * 1024 * 1024,
        # A leader that looks while a broker comes back sees no topic and assigns none until it looks again.
        consumer_metadata_max_age_ms=5000,
        broker_max_poll_records=settings.worker_batch,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.worker_session_s,
        broker_heartbeat_interval=settings.worker_session_s / 3,
        broker_request_timeout=max(60.0, settings.worker_session_s + 5),
    )


def _wire(worker: Worker, connection: ConnectionSettings, settings: WorkerSettings, partitions: int) -> None:
    app, pipeline = worker.app, worker.pipeline
    Transport.use_positions(app, pipeline)

    def fail(error: BaseException) -> None:
        if worker.failure is None:
            worker.failure = error
            log.error("stopping: %s", error)
            asyncio.get_running_loop().create_task(app.crash(error))  # the app ends with it

    pipeline.on_failure = fail
    topic = app.topic(connection.topic_prefix + EVENTS, key_serializer="raw", value_serializer="raw")

    @app.agent(topic, name="fold")  # type: ignore[untyped-decorator]  # Faust is not typed
    async def fold_batches(stream: Any) -> None:
        async for event in stream.noack().events():
            try:
                await pipeline.process(event.value, event.ack)
            except Exception as error:
                fail(error)
                raise

    encoder = Encoder("conversation_event", connection.schemas())
    snapshots = Snapshots(
        CounterReader(worker.store.client, connection.redis_prefix, range(partitions)),
        worker.outlet,
        Encoder("metric_snapshot", connection.schemas()),
        worker.telemetry,
        connection.topic_prefix + METRICS,
    )

    @app.timer(settings.snapshot_interval_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def publish_snapshots() -> None:
        await snapshots.publish(pipeline.partitions)

    @app.timer(settings.sweep_interval_s)  # type: ignore[untyped-decorator]  # Faust is not typed
    async def sweep_idle() -> None:
        await sweep(
            worker.store, worker.outlet, encoder, worker.lag(),
            topic=connection.topic_prefix + EVENTS, idle_timeout_s=settings.idle_timeout_s,
        )  # fmt: skip
