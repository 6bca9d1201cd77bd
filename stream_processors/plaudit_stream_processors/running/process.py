"""Runs a Faust app in this process until it is told to stop, or fails."""

import asyncio
import contextlib
import logging
import signal
import time
from typing import Any, Final, Protocol

from faust.exceptions import ConsumerNotStarted
from plaudit_schemas.service.stop_deadline import end_in_time
from plaudit_schemas.service.wait_notice import WaitNotice

from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.running.watchdog import Watchdog, WorkerHangsError

log = logging.getLogger(__name__)

_STOP_WITHIN_S: Final = 30.0
_STOP_FAILED_WITHIN_S: Final = 5.0  # Faust may hang after a crash, and the supervisor waits for it


class BatchPipeline(Protocol):
    """What handles the batches of an app."""

    @property
    def partitions(self) -> set[int]:
        """The partitions that this process owns."""

    async def settle(self) -> None:
        """Finish or give up what is under way."""


class RunningApp(Protocol):
    """An app with what it is made of.

    Attributes:
        failure: what made it fail, outside of Faust; None while nothing did.
    """

    app: Any
    failure: BaseException | None

    @property
    def output(self) -> GaplessOutput | None:
        """What it sends to Kafka through; None if it sends nothing."""

    @property
    def pipeline(self) -> BatchPipeline: ...

    @property
    def ended_by(self) -> BaseException | None:
        """What made it fail, in its own parts or in Faust."""

    def waits_since(self) -> float | None:
        """Since when it has done nothing of what waits, in seconds of `time.monotonic`; or None."""

    def waits_for(self) -> str | None:
        """A service that it needs and that is known to be away, or something else that it waits for."""

    @property
    def kafka_away(self) -> str | None:
        """Why Kafka cannot be used now; None while nothing is known to be wrong."""


class AppParts:
    """What is told of an app by the dataclass of its parts, which has `app` and `failure`."""

    app: Any
    failure: BaseException | None

    def lag(self) -> dict[int, int]:
        """Partition -> records that are not handled yet; only those whose end a fetch has told."""
        try:
            return {tp.partition: records for tp, records in self.app.consumer.lag().items()}
        except ConsumerNotStarted:  # metrics may be asked for before that
            return {}

    @property
    def ended_by(self) -> BaseException | None:
        """What made it fail, in its own parts or in Faust; None while nothing did."""
        return self.failure or self.app.crash_reason


def stop_at_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set. From then on the process ends, if need be by force."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def told() -> None:
        end_in_time(loop)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    return stop


async def wait_for_end(stop: asyncio.Event, running: RunningApp, watchdog: Watchdog) -> None:
    """Wait until the app is told to stop, has failed, or hangs."""
    waiting = [asyncio.create_task(stop.wait()), asyncio.create_task(_failed(running, watchdog))]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


async def end(running: RunningApp) -> None:
    """Write what is done and leave the group. A part that hangs must not keep the process alive."""
    end_in_time(asyncio.get_running_loop())  # it may have failed, and nobody told it to stop
    with contextlib.suppress(Exception):
        await asyncio.wait_for(running.pipeline.settle(), _STOP_WITHIN_S)
    within_s = _STOP_WITHIN_S if running.ended_by is None else _STOP_FAILED_WITHIN_S
    with contextlib.suppress(Exception):
        await asyncio.wait_for(running.app.stop(), within_s)
    if running.output is not None:
        running.output.close()


async def _failed(running: RunningApp, watchdog: Watchdog) -> None:
    # Looked at again and again: Faust has no event for a crash, and a hang has none by nature.
    notice = WaitNotice(log)
    while not running.app.crashed and running.failure is None:
        await asyncio.sleep(0.1)
        notice.note(running.kafka_away)
        consumer = running.app.consumer
        hang = watchdog.find_hang(
            rebalancing=bool(running.app.rebalancing),
            # A spare process without partitions fetches nothing, and does not hang.
            fetched_at=consumer.last_fetch if running.pipeline.partitions else time.monotonic(),
            waits_since=running.waits_since(),
            away=running.waits_for() is not None,
        )
        if hang is not None:
            running.failure = WorkerHangsError(f"{hang}; start the process again")
