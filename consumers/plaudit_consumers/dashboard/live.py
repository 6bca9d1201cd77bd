"""The live data of the dashboard, read once for all viewers, and only while there are any."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.service.cancelling import cancel_and_wait
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.dashboard.feedback import FeedbackItem, FeedbackTail
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_consumers.dashboard.settings import DashboardSettings

log = logging.getLogger("plaudit.dashboard")

PAST_S: Final = 3600
KEPT_FEEDBACK: Final = 50
_LINGER_S: Final = 30.0
"""Reading goes on for this long after the last viewer left, so that a reload does not start over."""
_RETRY_AFTER_S: Final = 5.0
_CATCHING_UP: Final = 1000
"""A reading with at least this many snapshots is part of the past, and more of it follows."""


class LiveData:
    """A monitor and the newest feedback. Use it from the event loop of the console only.

    Attributes:
        feedback: (number, feedback), newest last. Numbers increase, so viewers know what they have seen.
        loaded: whether the first reading is done.
        problem: why nothing can be read; None if there is no problem.
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
        """The number of current viewers."""
        return self._viewers

    @contextlib.contextmanager
    def viewing(self) -> Iterator[None]:
        """Count one more viewer until the block ends, so that the data is read."""
        self._viewers += 1
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._viewers -= 1
            self._left_at = time.monotonic()

    async def wait_for_change(self, within_s: float) -> None:
        """Wait for new data, for at most `within_s` seconds."""
        with contextlib.suppress(TimeoutError):
            async with self._changed:
                await asyncio.wait_for(self._changed.wait(), within_s)

    async def close(self) -> None:
        """Stop reading."""
        if self._task is not None:
            await cancel_and_wait(self._task)

    def add_feedback(self, items: list[FeedbackItem]) -> None:
        """Add feedback and keep the newest."""
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
                # The next viewer starts a new task. Until then nobody would hear of the error but the log.
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
                if added < _CATCHING_UP:  # viewers are told once the past is read
                    await self._tell_viewers()
        finally:
            # Closing waits for Kafka's client, which would block the other pages of the console.
            await asyncio.to_thread(self.monitor.close)
            await asyncio.to_thread(tail.close)
