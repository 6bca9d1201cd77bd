"""Runs a sink in this process until it is told to stop or fails."""

import gc
import logging
import signal
import threading
import uuid
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Final

import pyarrow as pa
from plaudit_schemas.codec.wire import SchemaSource
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.kafka.groups import GroupReader
from plaudit_schemas.kafka.schema_ids import moved_ids, schemas_of
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.health_server import serve
from plaudit_schemas.service.stop_deadline import end_in_time
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.location import parse_location
from plaudit_schemas.topics.admin import admin_of

from plaudit_consumers.rows.finished_reader import FinishedReader
from plaudit_consumers.sink.commit.context import FinishedTopic
from plaudit_consumers.sink.commit.partition import CommitSteps
from plaudit_consumers.sink.loop.backlog import Backlog
from plaudit_consumers.sink.loop.company import SinkCompany, group_members
from plaudit_consumers.sink.loop.consumer import SinkConsumer
from plaudit_consumers.sink.loop.dead_letters import DeadLetterSender
from plaudit_consumers.sink.loop.loop import SinkLoop
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_consumers.sink.loop.once import OnceGoal
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_consumers.sink.loop.source_topic import SourceTopic, find_topic
from plaudit_consumers.sink.loop.starting import SinkStart, StoppedSinkError
from plaudit_consumers.sink.loop.watch import SinkWatch
from plaudit_consumers.sink.outputs.local import LocalOutput
from plaudit_consumers.sink.outputs.lost_ranges import last_loss_s
from plaudit_consumers.sink.outputs.objects import ObjectOutput
from plaudit_consumers.sink.outputs.output import OutputRoot
from plaudit_consumers.sink.outputs.sink_group import join_group
from plaudit_consumers.sink.settings import SinkSettings
from plaudit_consumers.sink.sink import ParquetSink

log = logging.getLogger("plaudit.sink")

_LEAVES_WITHIN_S: Final = 5.0
"""How long after its session a sink that was killed may still be a member of the group."""


def run_sink(connection: ConnectionSettings, settings: SinkSettings, *, web: bool, once: bool) -> int:
    """Run until SIGTERM or SIGINT, or with `once` until the output has all. Then write what is held.

    While Kafka does not answer, it waits; with `once` it does so only after its start.

    Args:
        web: serve health and metrics.
        once: stop when the output has all that Kafka holds at the start.

    Returns:
        0.

    Raises:
        PlauditError: the output, the topic or the group cannot be used, another sink has the partitions, or
            `once` was stopped before its end.
    """
    stop = _stop_at_signals()
    _tune_memory()
    metrics, readiness, schemas = SinkMetrics(), SinkReadiness(), schemas_of(connection)
    start = SinkStart(readiness, stop, patient=not once)
    with ExitStack() as stack, suppress(StoppedSinkError):
        output = open_output(settings)
        stack.callback(output.close)
        if web:
            health = _health(metrics, readiness, schemas)
            address = stack.enter_context(
                serve(health, settings.sink_web_host, settings.sink_web_port, "PLAUDIT_SINK_WEB_PORT")
            )
            log.info("health and metrics on %s", address)
        topic = start.once_answered(partial(find_topic, connection))
        letters = DeadLetterSender(connection)
        stack.callback(letters.close)
        writer, source = uuid.uuid4().hex, SourceTopic(connection, topic, stop)
        sink = ParquetSink(
            topic, output, settings, FinishedReader(schemas),
            steps=CommitSteps(letters.send_letters, source.confirm), writer=writer,
        )  # fmt: skip
        metrics.show_loss(last_loss_s(output))
        backlog = Backlog(connection, topic, output)
        consumer, company = _enter_group(connection, settings, topic, output, backlog, writer, start)
        stack.callback(company.close)
        goal = None
        if once:
            company.wait_alone(settings.sink_session_s + _LEAVES_WITHIN_S, stop)
            goal = OnceGoal(backlog)
        watch = SinkWatch(source, company, backlog, metrics=metrics, readiness=readiness)
        loop = SinkLoop(
            consumer, sink, rotate_minutes=settings.rotate_minutes,
            metrics=metrics, readiness=readiness, stop=stop, watch=watch,
        )  # fmt: skip
        stack.callback(end_in_time)  # the last one in is called first: the others may hang
        loop.run(goal)
    spent = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in metrics.stage_seconds().items())
    log.info("stopped after %s", spent)
    return 0


def _stop_at_signals() -> threading.Event:
    stop = threading.Event()

    def told(*_: object) -> None:
        end_in_time()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, told)
    return stop


def _enter_group(
    connection: ConnectionSettings,
    settings: SinkSettings,
    topic: FinishedTopic,
    output: OutputRoot,
    backlog: Backlog,
    writer: str,
    start: SinkStart,
) -> tuple[SinkConsumer, SinkCompany]:
    """A consumer in the group of the output, which has not joined it yet, and its company."""
    reader = GroupReader(lambda: admin_of(connection))
    group = start.once_answered(
        lambda: join_group(output, settings.sink_group, lambda name: bool(group_members(reader, name)))
    )
    consumer = SinkConsumer(connection, settings, topic.name, group, writer)
    company = SinkCompany(connection, topic.name, group, backlog, consumer.client_id)
    start.once_answered(company.check)
    start.once_answered(company.go_back)
    log.info("started: %s to %s in the group %s", topic.name, settings.output, group.group)
    return consumer, company


def open_output(settings: SinkSettings) -> OutputRoot:
    """Open the output that the settings name.

    Raises:
        SettingsError: they name none.
        OutputError: it cannot be opened.
    """
    if not settings.output:
        raise SettingsError("PLAUDIT_OUTPUT: say where the root is, with --root and a folder or a URL")
    location = parse_location(settings.output)
    if isinstance(location, Path):
        return LocalOutput(location)
    return ObjectOutput(location.url, settings.sink_scratch)


def _tune_memory() -> None:
    # One conversation may have 50 MB and the next 5 KB. The system's allocator gives that memory back, while
    # Arrow's default pool keeps it.
    pa.set_memory_pool(pa.system_memory_pool())
    # Records become many small, short-lived dicts, which the garbage collector would scan for nothing.
    gc.freeze()
    gc.set_threshold(100_000, 20, 1000)


def _health(metrics: SinkMetrics, readiness: SinkReadiness, schemas: SchemaSource) -> Health:
    def show_state() -> None:
        metrics.gauge("plaudit_sink_ready").set(readiness.problem() is None)
        metrics.gauge("plaudit_sink_moved_schemas").set(moved_ids(schemas))

    return Health(metrics.registry, unready=readiness.problem, before_metrics=show_state)
