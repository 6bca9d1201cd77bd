"""The time before a process has its services: it is alive, not ready, and waits for them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from plaudit_schemas.errors import ServiceUnavailableError

from plaudit_stream_processors.running.patience import AWAY, retry_while_away
from plaudit_stream_processors.running.readiness import Readiness

T = TypeVar("T")

_AWAY_AT_START: Final = (*AWAY, ServiceUnavailableError)
_WAITER: Final = "the start"


class StoppedWhileStartingError(Exception):
    """The process was told to stop before its services had answered."""


class ObservedProcess(Protocol):
    """What is shown of a process that has its services."""

    def unready(self) -> str | None: ...
    def update_metrics(self) -> None: ...
    def degraded(self) -> str | None: ...


class StartingProcess:
    """A process from before it has its services. Its health is served all the time.

    Attributes:
        observed: the process itself, once it is made.
    """

    def __init__(self, readiness: Readiness, stop: asyncio.Event) -> None:
        """`stop` ends the waiting."""
        self._readiness, self._stop = readiness, stop
        self.observed: ObservedProcess | None = None

    def unready(self) -> str | None:
        """Why the process is not ready; None when it is."""
        if self.observed is not None:
            return self.observed.unready()
        waiting = self._readiness.waiting_for
        return "it is starting" if waiting is None else f"waiting: {waiting}"

    def degraded(self) -> str | None:
        """What it has to do without although it is ready; None if nothing is missing."""
        return None if self.observed is None else self.observed.degraded()

    def update_metrics(self) -> None:
        """Set the gauges that show the present state."""
        if self.observed is not None:
            self.observed.update_metrics()

    async def once_answered(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Repeat `ask` until Kafka, Redis and the schema registry have answered it.

        Raises:
            StoppedWhileStartingError: the process was told to stop before.
            PlauditError: an answer that no waiting changes.
        """
        asked = asyncio.ensure_future(retry_while_away(self._readiness, _WAITER, ask, _AWAY_AT_START))
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([asked, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not asked.done():
                raise StoppedWhileStartingError
            return asked.result()
        finally:
            asked.cancel()
            stopped.cancel()

    async def once_found(self, find: Callable[[], T]) -> T:
        """As `once_answered`, for a function that blocks. It runs in a thread."""
        return await self.once_answered(lambda: asyncio.to_thread(find))
