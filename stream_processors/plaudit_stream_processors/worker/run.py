"""Run a worker in this process until it is told to stop, or fails."""

import asyncio
import contextlib
import gc
import logging
import signal
import time
from typing import Final

import uvloop
from plaudit_schemas.service.health import Health, serve
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.worker.app import Worker, create_worker
from plaudit_stream_processors.worker.claim import claim_state
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.topic_checks import LineTopics, check_topics
from plaudit_stream_processors.worker.watchdog import Watchdog, WorkerHangsError

log = logging.getLogger("plaudit.worker")

_STOP_WITHIN_S: Final = 30.0
_STOP_FAILED_WITHIN_S: Final = 5.0  # Faust may hang after a crash, and the supervisor waits for it


def run_worker(connection: ConnectionSettings, settings: WorkerSettings, *, web: bool, log_level: str) -> int:
    """Run a worker until SIGTERM or SIGINT (returns 0) or a failure (returns 1).

    Raises:
        PlauditError: the topics or Redis do not fit, or the state in Redis was made from other topics.
    """
    configure_logging(log_level)
    topics = check_topics(connection, settings)
    # States are many small dicts that live long. Full collections would visit them all and free little.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)
    return uvloop.run(_run(connection, settings, topics, web=web))


async def _run(
    connection: ConnectionSettings, settings: WorkerSettings, topics: LineTopics, *, web: bool
) -> int:
    worker = create_worker(connection, settings, topics)
    await worker.redis.check_at_start()
    await claim_state(worker.context.store.client, connection, topics)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with contextlib.ExitStack() as stack:
        if web:
            health = Health(
                worker.metrics.registry, unready=worker.unready, before_metrics=worker.update_metrics
            )
            served = serve(health, settings.web_host, settings.web_port, "PLAUDIT_WEB_PORT", loop)
            log.info("health and metrics on %s", stack.enter_context(served))
        await worker.app.start()
        for watch in (worker.watch, worker.letters):
            watch.start()
            stack.callback(watch.stop)
        log.info("started")
        await _wait_for_end(stop, worker, Watchdog(settings.worker_stall_s))
        await _stop(worker)
    if worker.ended_by is not None:
        log.error("ended: %s", worker.ended_by)
        return 1
    log.info("stopped")
    return 0


async def _wait_for_end(stop: asyncio.Event, worker: Worker, watchdog: Watchdog) -> None:
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(_failed(worker, watchdog))]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _failed(worker: Worker, watchdog: Watchdog) -> None:
    # Looked at again and again: Faust has no event for a crash, and a hang has none by nature.
    while not worker.app.crashed and worker.failure is None:
        await asyncio.sleep(0.1)
        consumer = worker.app.consumer
        hang = watchdog.find_hang(
            rebalancing=bool(worker.app.rebalancing),
            # A spare worker without partitions fetches nothing, and does not hang.
            fetched_at=consumer.last_fetch if worker.pipeline.partitions else time.monotonic(),
            waits_since=consumer.waits_since(),
            away=(worker.readiness.waiting_for or worker.output.away) is not None,
        )
        if hang is not None:
            worker.failure = WorkerHangsError(f"{hang}; start the worker again")


async def _stop(worker: Worker) -> None:
    """Write what is folded and leave the group. A part that hangs must not keep the process alive."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(worker.pipeline.settle(), _STOP_WITHIN_S)
    within_s = _STOP_WITHIN_S if worker.ended_by is None else _STOP_FAILED_WITHIN_S
    with contextlib.suppress(Exception):
        await asyncio.wait_for(worker.app.stop(), within_s)
    worker.output.close()
    with contextlib.suppress(Exception):
        await worker.context.store.client.aclose()
