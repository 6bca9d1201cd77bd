"""When to fetch librdkafka's reports."""

import asyncio
from collections.abc import Callable


class ReportPoller:
    """Calls `poll` from the event loop, and again as long as somebody waits for what it brings."""

    def __init__(self, poll: Callable[[], None], interval: Callable[[], float | None]) -> None:
        """`interval` gives the seconds until the next call; None where nobody waits."""
        self._poll = poll
        self._interval = interval
        self._timer: asyncio.TimerHandle | None = None

    def poll_within(self, seconds: float) -> None:
        """Call `poll` so soon, or sooner where that is planned."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._run)

    def stop(self) -> None:
        """Call it no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _run(self) -> None:
        self._timer = None
        try:
            self._poll()
        finally:
            seconds = self._interval()
            if seconds is not None:
                self.poll_within(seconds)
