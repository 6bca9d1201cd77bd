"""Runs a sink in this process until it is told to stop or fails."""

import gc
import logging
import signal
import threading
import uuid
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
from confluent_kafka import KafkaException, TopicCollection
from plaudit_schemas.errors import ServiceUnavailableError, SettingsError, TopicError
from plaudit_schemas.service.health import Health, serve
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import FINISHED
from plaudit_schemas.topics.admin import admin_of, live_config, live_partitions

from plaudit_consumers.rows.canonical_reader import CanonicalReader
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.commit.context import FinishedTopic
from plaudit_consumers.sink.loop.consumer import SinkConsumer
from plaudit_consumers.sink.loop.dead_letters import DeadLetterSender
from plaudit_consumers.sink.loop.loop import SinkLoop
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_consumers.sink.outputs.local import LocalOutput
from plaudit_consumers.sink.outputs.objects import SCHEMES, ObjectOutput
from plaudit_consumers.sink.outputs.output import OutputRoot
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_consumers.sink.sink import ParquetSink

log = logging.getLogger("plaudit.sink")


def run_sink(
    connection: ConnectionSettings, settings: SinkSettings, rows: RowSettings, *, web: bool, once: bool
) -> int:
    """Run until SIGTERM or SIGINT, or with `once` until the end of the log. Then write what is held.

    Args:
        web: serve health and metrics.
        once: stop at the end of the log.

    Returns:
        0.

    Raises:
        PlauditError: the output or the topic cannot be used, or another sink has the partitions.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    topic = find_topic(connection)
    _tune_memory()
    metrics, readiness = SinkMetrics(), SinkReadiness()
    with ExitStack() as stack:
        output = open_output(settings)
        stack.callback(output.close)
        if web:
            health = _health(metrics, readiness)
            address = stack.enter_context(
                serve(health, settings.sink_web_host, settings.sink_web_port, "PLAUDIT_SINK_WEB_PORT")
            )
            log.info("health and metrics on %s", address)
        letters = DeadLetterSender(connection)
        stack.callback(letters.close)
        sink = ParquetSink(
            topic, output, settings, rows, CanonicalReader(connection.schemas()),
            send_dead_letters=letters.send_letters, writer=uuid.uuid4().hex,
        )  # fmt: skip
        log.info("started: %s to %s", topic.name, settings.output)
        loop = SinkLoop(
            SinkConsumer(connection, settings, topic.name), sink, rotate_minutes=settings.rotate_minutes,
            metrics=metrics, readiness=readiness, stop=stop,
        )  # fmt: skip
        loop.run(once=once)
    spent = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in metrics.stage_seconds().items())
    log.info("stopped after %s", spent)
    return 0


def open_output(settings: SinkSettings) -> OutputRoot:
    """Open the output that the settings name.

    Raises:
        SettingsError: they name none, or a URL of an unknown scheme.
        OutputError: it cannot be opened.
    """
    if not settings.output:
        raise SettingsError("PLAUDIT_OUTPUT: say where the files go, with --output FOLDER or a URL")
    scheme, separator, _ = settings.output.partition("://")
    if not separator:
        return LocalOutput(Path(settings.output).absolute())
    if scheme not in SCHEMES:
        raise SettingsError(f"PLAUDIT_OUTPUT: {scheme}:// is not one of {', '.join(SCHEMES)}, nor a folder")
    return ObjectOutput(settings.output, settings.sink_scratch)


def find_topic(connection: ConnectionSettings) -> FinishedTopic:
    """Look up the finished topic.

    Raises:
        TopicError: it does not exist, or its timestamps are not set by the broker.
        ServiceUnavailableError: Kafka does not answer.
    """
    name = connection.topic_prefix + FINISHED
    admin = admin_of(connection)
    if name not in live_partitions(admin, connection):
        raise TopicError(f"the topic {name} does not exist; run `plaudit topics create`")
    if live_config(admin, name).get("message.timestamp.type") != "LogAppendTime":
        raise TopicError(
            f"{name} must have message.timestamp.type=LogAppendTime: file rotation and snapshots rely on the "
            "broker's timestamps"
        )
    try:
        description = admin.describe_topics(TopicCollection([name]))[name].result(timeout=30)
    except (KafkaException, TimeoutError) as error:
        raise ServiceUnavailableError(f"Kafka did not describe {name} ({error}); try again") from None
    # The id as Kafka's own tools print it, in URL-safe Base64: a slash would be a folder in a path.
    return FinishedTopic(name, str(description.topic_id).rstrip("=").replace("/", "_").replace("+", "-"))


def _tune_memory() -> None:
    # One conversation may have 50 MB and the next 5 KB. The system's allocator gives that memory back, while
    # Arrow's default pool keeps it.
    pa.set_memory_pool(pa.system_memory_pool())
    # Records become many small, short-lived dicts, which the garbage collector would scan for nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 1000)


def _health(metrics: SinkMetrics, readiness: SinkReadiness) -> Health:
    def show_ready() -> None:
        metrics.gauge("plaudit_sink_ready").set(readiness.problem() is None)

    return Health(metrics.registry, unready=readiness.problem, before_metrics=show_ready)
