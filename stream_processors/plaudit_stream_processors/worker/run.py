"""Run a worker in this process until it is told to stop, or fails."""

import asyncio
import contextlib
import gc
import logging
import signal
import time

import uvloop
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from plaudit_stream_processors.worker.app import EventsTopic, Worker, check_topics, create_worker
from plaudit_stream_processors.worker.settings import WorkerSettings
from plaudit_stream_processors.worker.watchdog import Watchdog, WorkerHangsError
from plaudit_stream_processors.worker.web import serve

log = logging.getLogger("plaudit.worker")

_STOP_WITHIN_S = 30.0


def run_worker(connection: ConnectionSettings, settings: WorkerSettings, *, web: bool, log_level: str) -> int:
    """Blocks until SIGTERM or SIGINT (0) or a failure (1).

    Raises:
        PlauditError: the topics or the recorded number of partitions do not fit.
    """
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("faust").setLevel(logging.WARNING)
    logging.getLogger("mode").setLevel(logging.WARNING)
    events = check_topics(connection, settings)
    # States are many small dicts that live long: the collector's full rounds would only count them.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 1000)
    return uvloop.run(_run(connection, settings, events, web=web))


async def _run(
    connection: ConnectionSettings, settings: WorkerSettings, events: EventsTopic, *, web: bool
) -> int:
    worker = create_worker(connection, settings, events)
    await worker.store.record_partitions(connection.topic_prefix + EVENTS, events.partitions)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        if web:
            address = await stack.enter_async_context(serve(worker, settings))
            log.info("health and metrics on %s", address)
        await worker.app.start()
        log.info("started")
        await _first(stop, worker, Watchdog(settings.worker_stall_s))
        await _stop(worker)
    failure = worker.failure or worker.app.crash_reason
    if failure is not None:
        log.error("ended: %s", failure)
        return 1
    log.info("stopped")
    return 0


async def _first(stop: asyncio.Event, worker: Worker, watchdog: Watchdog) -> None:
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(_failed(worker, watchdog))]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def _failed(worker: Worker, watchdog: Watchdog) -> None:
    # Faust has no event for a crash, and a hang is none by nature.
    while not worker.app.crashed and worker.failure is None:
        await asyncio.sleep(0.1)
        consumer = worker.app.consumer
        hang = watchdog.check(
            rebalancing=bool(worker.app.rebalancing),
            fetched_at=consumer.last_fetch if worker.pipeline.partitions else time.monotonic(),
            waits_since=consumer.waits_since(),
            away=(worker.telemetry.waiting or worker.outlet.away) is not None,
        )
        if hang is not None:
            worker.failure = WorkerHangsError(f"{hang}; start the worker again")


async def _stop(worker: Worker) -> None:
    """Write what is folded, leave the group; a part that hangs must not keep the process."""
    with contextlib.suppress(Exception):
        await asyncio.wait_for(worker.pipeline.settle(), _STOP_WITHIN_S)
    with contextlib.suppress(Exception):
        await asyncio.wait_for(worker.app.stop(), _STOP_WITHIN_S)
    worker.outlet.close()
    with contextlib.suppress(Exception):
        await worker.store.client.aclose()
