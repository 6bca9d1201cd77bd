"""Runs a process that follows the worker until it is told to stop, or fails."""

import asyncio
import contextlib
from typing import NamedTuple

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.health import Health, serve
from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import AWAY
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.problems import find_changes

from plaudit_stream_processors.running.follower import WorkerFollower
from plaudit_stream_processors.running.process import end, stop_at_signals, wait_for_end
from plaudit_stream_processors.running.watchdog import Watchdog
from plaudit_stream_processors.state.identity import ForeignStateError


class WebAddress(NamedTuple):
    """Where health and metrics are served; `setting` is the variable that sets the port."""

    host: str
    port: int
    setting: str


async def run_follower(
    follower: WorkerFollower, connection: ConnectionSettings, stall_s: float, web: WebAddress | None
) -> int:
    """Run until SIGTERM or SIGINT (returns 0) or a failure (returns 1).

    Args:
        stall_s: seconds after which a hang is a failure.

    Raises:
        PlauditError: it cannot begin.
    """
    stop, loop = stop_at_signals(), asyncio.get_running_loop()
    with contextlib.ExitStack() as stack:
        await _refuse_foreign_state(follower, connection)
        await follower.before_start()
        if web is not None:
            health = Health(
                follower.metrics.registry,
                unready=follower.unready,
                degraded=follower.degraded,
                before_metrics=follower.update_metrics,
            )
            served = serve(health, web.host, web.port, web.setting, loop)
            follower.log.info("health and metrics on %s", stack.enter_context(served))
        await follower.app.start()
        follower.log.info("started")
        await wait_for_end(stop, follower, Watchdog(stall_s))
        await end(follower)
        with contextlib.suppress(Exception):
            await follower.close()
    if follower.ended_by is not None:
        follower.log.error("ended: %s", follower.ended_by)
        return 1
    follower.log.info("stopped")
    return 0


async def _refuse_foreign_state(follower: WorkerFollower, connection: ConnectionSettings) -> None:
    """Refuse a state in Redis that was made from another topic: its positions mean nothing here.

    Raises:
        ForeignStateError: it was.
        ServiceUnavailableError: Redis does not answer.
    """
    prefix = connection.topic_prefix
    try:
        recorded = await read_recorded(follower.client, connection.redis_prefix, prefix)
    except AWAY as error:
        raise ServiceUnavailableError(f"Redis does not answer ({error}); check PLAUDIT_REDIS_URL") from None
    changes = find_changes({follower.began.name: follower.began.described}, prefix, recorded)
    if changes:
        raise ForeignStateError(". ".join(map(str, changes)))
