"""The dashboard's live data: read once for all viewers, and only while there is one."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.dashboard.feedback import FeedbackItem, FeedbackTail
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.settings import DashboardSettings

log = logging.getLogger("plaudit.dashboard")

PAST_S: Final = 3600
KEPT_FEEDBACK: Final = 50
_LINGER_S: Final = 30.0
_RETRY_AFTER_S: Final = 5.0
_CATCHING_UP: Final = 1000


class LiveData:
    """A monitor and the newest feedback. Lives in the console's event loop.

    Attributes:
        feedback: (number, feedback), newest last; numbers grow.
        loaded: whether there was a first reading.
        problem: why nothing can be read; None when it can.
    """

    def __init__(self, connection: ConnectionSettings, settings: DashboardSettings) -> None:
        self._connection = connection
        self.monitor = LineMonitor(
            connection,
            profile=settings.dashboard_profile,
            group=settings.dashboard_worker_group,
            past_s=PAST_S,
        )
        self.feedback: deque[tuple[int, FeedbackItem]] = deque(maxlen=KEPT_FEEDBACK)
        self.loaded = False
        self.problem: str | None = None
        self._numbers = 0
        self._viewers = 0
        self._left_at = 0.0
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()

    @property
    def viewers(self) -> int:
        """How many there are."""
        return self._viewers

    @contextlib.contextmanager
    def viewing(self) -> Iterator[None]:
        """Have the data read until the block ends."""
        self._viewers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._viewers -= 1
            self._left_at = time.monotonic()

    async def wait_for_change(self, within_s: float) -> None:
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

    def add_feedback(self, items: list[FeedbackItem]) -> None:
        """Keep the newest."""
        for item in items[-KEPT_FEEDBACK:]:
            self._numbers += 1
            self.feedback.append((self._numbers, item))

    async def _run(self) -> None:
        while self._is_wanted():
            try:
                await self._read()
            except PlauditError as error:
                self.problem = str(error)
                log.warning("the dashboard waits: %s", error)
                await self._tell_viewers()
                await asyncio.sleep(_RETRY_AFTER_S)
            except Exception:
                log.exception("the dashboard's figures stop until the next viewer comes")
                raise

    def _is_wanted(self) -> bool:
        return bool(self._viewers) or time.monotonic() - self._left_at < _LINGER_S

    async def _tell_viewers(self) -> None:
        self.loaded = True
        async with self._changed:
            self._changed.notify_all()

    async def _read(self) -> None:
        tail = FeedbackTail(self._connection)
        try:
            while self._is_wanted():
                added = await asyncio.to_thread(self.monitor.poll, 0.3)
                self.problem = None
                self.add_feedback(await asyncio.to_thread(tail.poll))
                if added < _CATCHING_UP:  # else the past is still coming in
                    await self._tell_viewers()
        finally:
            await asyncio.to_thread(self.monitor.close)
            await asyncio.to_thread(tail.close)
