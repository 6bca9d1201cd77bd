"""Run a worker in this process until it is told to stop, or fails."""

import asyncio
import contextlib
import logging
from functools import partial

import uvloop
from plaudit_schemas.compiled import how_it_runs, is_compiled
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.health_server import serve
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.running.process import end, stop_at_signals, wait_for_end
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.running.starting import StartingProcess, StoppedWhileStartingError
from plaudit_stream_processors.running.watchdog import Watchdog
from plaudit_stream_processors.worker.app import create_worker
from plaudit_stream_processors.worker.claim import claim_state
from plaudit_stream_processors.worker.memory import prepare_memory
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.topic_checks import check_topics

log = logging.getLogger("plaudit.worker")


def run_worker(connection: ConnectionSettings, settings: WorkerSettings, *, web: bool, log_level: str) -> int:
    """Run a worker until SIGTERM or SIGINT (returns 0) or a failure (returns 1).

    Raises:
        PlauditError: the topics or Redis do not fit, or the state in Redis was made from other topics. While
            Kafka or Redis does not answer, it waits.
    """
    configure_logging(log_level)
    prepare_memory()
    return uvloop.run(_run(connection, settings, web=web))


async def _run(connection: ConnectionSettings, settings: WorkerSettings, *, web: bool) -> int:
    stop, loop = stop_at_signals(), asyncio.get_running_loop()
    metrics, readiness = WorkerMetrics(), Readiness()
    metrics.gauge("plaudit_compiled").set(is_compiled())
    starting = StartingProcess(readiness, stop)
    with contextlib.ExitStack() as stack:
        if web:
            health = Health(
                metrics.registry, unready=starting.unready, before_metrics=starting.update_metrics
            )
            served = serve(health, settings.web_host, settings.web_port, "PLAUDIT_WEB_PORT", loop)
            log.info("health and metrics on %s", stack.enter_context(served))
        try:
            topics = await starting.once_found(partial(check_topics, connection, settings))
            worker = create_worker(connection, settings, topics, metrics=metrics, readiness=readiness)
            await starting.once_answered(worker.redis.check_at_start)
            client = worker.context.store.client
            await starting.once_answered(partial(claim_state, client, connection, topics))
        except StoppedWhileStartingError:
            log.info("stopped before it had started")
            return 0
        starting.observed = worker
        await worker.app.start()
        for watch in (worker.watch, worker.letters):
            watch.start()
            stack.callback(watch.stop)
        log.info("started, %s", how_it_runs())
        await wait_for_end(stop, worker, Watchdog(settings.worker_stall_s))
        await end(worker)
        with contextlib.suppress(Exception):
            await worker.context.store.client.aclose()
    if worker.ended_by is not None:
        log.error("ended: %s", worker.ended_by)
        return 1
    log.info("stopped")
    return 0
