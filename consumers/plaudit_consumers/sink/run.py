"""Run a sink in this process until it is told to stop, or fails."""

import gc
import logging
import signal
import threading
import uuid
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
from confluent_kafka import KafkaException, TopicCollection
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError, SettingsError, TopicError
from plaudit_schemas.topics import FINISHED
from plaudit_schemas.topics.admin import admin_of, live_config, live_partitions

from plaudit_consumers.rows.reading import CanonicalReader
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.consume import Loop
from plaudit_consumers.sink.local import LocalOutput
from plaudit_consumers.sink.objects import SCHEMES, ObjectOutput
from plaudit_consumers.sink.output import Output
from plaudit_consumers.sink.refusals import Refusals
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_consumers.sink.sink import Sink, Topic
from plaudit_consumers.sink.telemetry import Telemetry
from plaudit_consumers.sink.web import serve

log = logging.getLogger("plaudit.sink")


def run_sink(
    connection: ConnectionSettings, settings: SinkSettings, rows: RowSettings, *, web: bool, once: bool
) -> int:
    """Blocks until SIGTERM or SIGINT, or with `once` until the log's end; then writes what it has. Gives 0.

    Raises:
        PlauditError: the output or the topic does not fit, or another sink has the partitions.
    """
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    topic = find_topic(connection)
    # It gives memory back where Arrow's own pool keeps it: a conversation may be 50 MB, the next one 5 KB.
    pa.set_memory_pool(pa.system_memory_pool())
    # Records become many small dicts that live shortly: the collector would only count them.
    gc.freeze()
    gc.set_threshold(100_000, 20, 1000)
    with ExitStack() as stack:
        telemetry = Telemetry()
        output = open_output(settings)
        stack.callback(output.close)
        if web:
            address = stack.enter_context(serve(telemetry, settings.sink_web_host, settings.sink_web_port))
            log.info("health and metrics on %s", address)
        reader = CanonicalReader(connection.schemas())
        sink = Sink(
            topic, output, (settings, rows), reader, telemetry=telemetry, refuse=Refusals(connection).send,
            writer=uuid.uuid4().hex,
        )  # fmt: skip
        log.info("started: %s to %s", topic.name, settings.output)
        Loop(connection, settings, sink, topic, telemetry=telemetry, stop=stop).run(once=once)
    spent = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in telemetry.stage_seconds().items())
    log.info("stopped after %s", spent)
    return 0


def open_output(settings: SinkSettings) -> Output:
    """The output that the settings name.

    Raises:
        SettingsError: they name none.
        OutputError: it cannot be opened.
    """
    if not settings.output:
        raise SettingsError("PLAUDIT_OUTPUT: say where the files go, with --output FOLDER or a URL")
    scheme, separator, _ = settings.output.partition("://")
    if not separator:
        return LocalOutput(Path(settings.output).absolute())
    if scheme not in SCHEMES:
        raise SettingsError(f"PLAUDIT_OUTPUT: {scheme}:// is none of {', '.join(SCHEMES)}, nor a folder")
    return ObjectOutput(settings.output, settings.sink_scratch)


def find_topic(connection: ConnectionSettings) -> Topic:
    """The finished topic.

    Raises:
        TopicError: it does not exist, or its timestamps are not the broker's.
        ServiceUnavailableError: Kafka does not answer.
    """
    name = connection.topic_prefix + FINISHED
    admin = admin_of(connection)
    if name not in live_partitions(admin, connection):
        raise TopicError(f"the topic {name} does not exist; run `plaudit topics create`")
    if live_config(admin, name).get("message.timestamp.type") != "LogAppendTime":
        raise TopicError(
            f"{name} must have message.timestamp.type=LogAppendTime: files rotate by it, and snapshots go "
            "by it"
        )
    try:
        description = admin.describe_topics(TopicCollection([name]))[name].result(timeout=30)
    except (KafkaException, TimeoutError) as error:
        raise ServiceUnavailableError(f"Kafka did not describe {name} ({error}); try again") from None
    # Kafka's own tools print ids so; a slash in a path would be a folder.
    return Topic(name, str(description.topic_id).rstrip("=").replace("/", "_").replace("+", "-"))
