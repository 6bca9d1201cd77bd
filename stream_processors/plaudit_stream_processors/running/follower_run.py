"""Runs a process that follows the worker until it is told to stop, or fails."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.health_server import serve
from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import AWAY, refuse_shut_out
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.problems import find_changes

from plaudit_stream_processors.running.follower import WorkerFollower
from plaudit_stream_processors.running.follower_metrics import FollowerMetrics
from plaudit_stream_processors.running.process import end, stop_at_signals, wait_for_end
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.running.starting import StartingProcess, StoppedWhileStartingError
from plaudit_stream_processors.running.watchdog import Watchdog
from plaudit_stream_processors.state.identity import ForeignStateError

F = TypeVar("F")


class WebAddress(NamedTuple):
    """Where health and metrics are served; `setting` is the variable that sets the port."""

    host: str
    port: int
    setting: str


@dataclass(frozen=True, kw_only=True)
class FollowerProcess(Generic[F]):
    """How a process that follows the worker comes to be.

    Attributes:
        log: its logger.
        metrics: of the follower too.
        readiness: of the follower too.
        find: asks Kafka for what it is made of. Blocks, and is repeated while Kafka does not answer.
        make: makes the follower of what was found, in the event loop.
        stall_s: seconds after which a hang is a failure.
        web: where its health and metrics are served; None if they are not.
    """

    log: logging.Logger
    metrics: FollowerMetrics
    find: Callable[[], F]
    make: Callable[[F], WorkerFollower]
    stall_s: float
    web: WebAddress | None
    readiness: Readiness = field(default_factory=Readiness)


async def run_follower(process: FollowerProcess[F], connection: ConnectionSettings) -> int:
    """Run until SIGTERM or SIGINT (returns 0) or a failure (returns 1).

    While Kafka, Redis or the schema registry is away, it waits.

    Raises:
        PlauditError: it cannot begin.
    """
    stop, loop = stop_at_signals(), asyncio.get_running_loop()
    starting = StartingProcess(process.readiness, stop)
    with contextlib.ExitStack() as stack:
        if process.web is not None:
            health = Health(
                process.metrics.registry,
                unready=starting.unready,
                degraded=starting.degraded,
                before_metrics=starting.update_metrics,
            )
            served = serve(health, process.web.host, process.web.port, process.web.setting, loop)
            process.log.info("health and metrics on %s", stack.enter_context(served))
        try:
            follower = process.make(await starting.once_found(process.find))
            await starting.once_answered(lambda: _refuse_foreign_state(follower, connection))
            await starting.once_answered(follower.before_start)
        except StoppedWhileStartingError:
            process.log.info("stopped before it had started")
            return 0
        starting.observed = follower
        await follower.app.start()
        process.log.info("started")
        await wait_for_end(stop, follower, Watchdog(process.stall_s))
        await end(follower)
        with contextlib.suppress(Exception):
            await follower.close()
    if follower.ended_by is not None:
        process.log.error("ended: %s", follower.ended_by)
        return 1
    process.log.info("stopped")
    return 0


async def _refuse_foreign_state(follower: WorkerFollower, connection: ConnectionSettings) -> None:
    """Refuse a state in Redis that was made from another topic: its positions mean nothing here.

    Raises:
        ForeignStateError: it was.
        ServiceUnavailableError: Redis does not answer.
        AccessError: Redis does not let us in.
    """
    prefix = connection.topic_prefix
    try:
        recorded = await read_recorded(follower.client, connection.redis_prefix, prefix)
    except AWAY as error:
        refuse_shut_out(error)
        raise ServiceUnavailableError(f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL") from None
    changes = find_changes({follower.began.name: follower.began.described}, prefix, recorded)
    if changes:
        raise ForeignStateError(". ".join(map(str, changes)))
