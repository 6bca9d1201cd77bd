"""Reads what the dashboard shows, once for all who look on, and only while somebody does."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator

from plaudit_schemas.alerts import definitions, seconds
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import PlauditError

from plaudit_producers.board.alerts import AlertBook, Firing, age_conditions, conditions
from plaudit_producers.board.board import Board
from plaudit_producers.board.feed import SnapshotFeed
from plaudit_producers.board.lag import LagReader
from plaudit_producers.gateway.dashboard.feedback import FeedbackTail, Seen
from plaudit_producers.gateway.dashboard.settings import DashboardSettings

log = logging.getLogger("plaudit.gateway")

PAST_S = 3600
KEPT_FEEDBACK = 50
_LINGER_S = 30.0
_LAG_EVERY_S = 2.0
_AGAIN_S = 5.0


class Hub:
    """Board, alerts, lag and feedback of the line. Lives in the gateway's event loop.

    Attributes:
        events: records in the events topic since its start; None where Kafka does not answer.
        waiting: those that are not folded yet.
        feedback: (number, feedback), newest last; numbers grow.
        loaded: whether a first look was taken.
        problem: why nothing can be read; None when it can.
    """

    def __init__(self, connection: ConnectionSettings, settings: DashboardSettings) -> None:
        self._connection, self._settings = connection, settings
        self._limits = definitions().limits(settings.dashboard_profile)
        self.board, self._book = Board(), AlertBook(seconds(self._limits.hold))
        self.alerts: list[Firing] = []
        self.events: int | None = None
        self.waiting: int | None = None
        self.feedback: deque[tuple[int, Seen]] = deque(maxlen=KEPT_FEEDBACK)
        self.loaded = False
        self.problem: str | None = None
        self._numbers = 0
        self._viewers = 0
        self._left_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    @property
    def viewers(self) -> int:
        """How many look on."""
        return self._viewers

    @contextlib.contextmanager
    def viewer(self) -> Iterator[None]:
        """Somebody looks on, from now to the end of the block."""
        self._viewers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._viewers -= 1
            self._left_at = time.monotonic()

    async def changed(self, within_s: float) -> None:
        """Wait until there is something new, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with self._changed:
                await asyncio.wait_for(self._changed.wait(), within_s)

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while self._wanted():
            try:
                await self._read()
            except PlauditError as error:
                self.problem, self.loaded = str(error), True
                log.warning("the dashboard waits: %s", error)
                await asyncio.sleep(_AGAIN_S)
            except Exception:
                log.exception("the dashboard's figures stop until the next one looks on")
                raise

    def _wanted(self) -> bool:
        return bool(self._viewers) or time.monotonic() - self._left_at < _LINGER_S

    async def _read(self) -> None:
        feed, tail = SnapshotFeed(self._connection, PAST_S), FeedbackTail(self._connection)
        lag, looked_at = LagReader(self._connection, self._settings.dashboard_worker_group), 0.0
        try:
            while self._wanted():
                taken = await asyncio.to_thread(feed.poll, self.board, 0.3)
                self.problem = None
                self._note(await asyncio.to_thread(tail.poll))
                if time.monotonic() - looked_at > _LAG_EVERY_S:
                    looked_at = time.monotonic()
                    self.events, self.waiting = await asyncio.to_thread(lag.read) or (None, None)
                if taken < 1000:  # else the past is still coming in
                    await self._tell()
        finally:
            await asyncio.to_thread(feed.close)
            await asyncio.to_thread(tail.close)
            await asyncio.to_thread(lag.close)

    def _note(self, found: list[Seen]) -> None:
        for seen in found[-KEPT_FEEDBACK:]:
            self._numbers += 1
            self.feedback.append((self._numbers, seen))

    async def _tell(self) -> None:
        now = time.time()
        wrong = conditions(self.board.current(), self._limits)
        wrong += age_conditions(self.board.newest_at, self.waiting, int(now * 1e6), self._limits)
        self.alerts = self._book.update(wrong, now)
        self.loaded = True
        async with self._changed:
            self._changed.notify_all()
