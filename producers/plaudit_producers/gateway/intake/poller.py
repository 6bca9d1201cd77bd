"""Decides when to fetch librdkafka's delivery reports."""

import asyncio
from collections.abc import Callable


class ReportPoller:
    """Calls `poll` from the event loop, again and again while somebody waits for a report."""

    def __init__(self, poll: Callable[[], None], interval: Callable[[], float | None]) -> None:
        """`interval` returns the seconds until the next call, or None if nobody waits."""
        self._poll = poll
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def poll_within(self, seconds: float) -> None:
        """Call `poll` after this time, or earlier if an earlier call is planned."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._run)

    def stop(self) -> None:
        """Cancel the planned call."""
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        self._timer = None
        try:
            self._poll()
        finally:  # an error of one poll must not end the polling: requests wait for reports
            seconds = self._interval()
            if seconds is not None:
                self.poll_within(seconds)
