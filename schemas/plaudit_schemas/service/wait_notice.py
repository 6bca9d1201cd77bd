"""Says in the log that a process waits for a service: at once, then at ever longer intervals."""

import logging
import re
import time
from collections.abc import Callable
from typing import Final

_FIRST_AGAIN_S: Final = 60.0
_LONGEST_S: Final = 3600.0
_MOST: Final = 20  # different reasons that are said at once; what varies more says nothing new
_VARIES: Final = re.compile(r"\([^)]*\)|\d+")
"""What a client says in brackets, attempts and times differ from one error to the next of the same kind."""


class WaitNotice:
    """The lines about one thing that is waited for.

    The first reason is logged at once, and so is each other kind of reason of the same wait. The same one is
    repeated after a minute, then after two, four and so on, and each hour at last. The end is logged too.
    Safe for several threads as far as a line too many does no harm.
    """

    def __init__(
        self, log: logging.Logger, what: str = "waiting", clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`what` begins each line."""
        self._log, self._what, self._clock = log, what, clock
        self._began: float | None = None
        self._told: set[str] = set()
        self._again_at, self._pause_s = 0.0, _FIRST_AGAIN_S

    def note(self, reason: str | None) -> None:
        """Note why something waits now; None if nothing does."""
        if reason is None:
            self._end()
            return
        now = self._clock()
        if self._began is None:
            self._began, self._pause_s, self._again_at = now, _FIRST_AGAIN_S, now + _FIRST_AGAIN_S
        kind = _VARIES.sub("", reason)
        if kind not in self._told and len(self._told) < _MOST:
            self._told.add(kind)
            self._log.warning("%s: %s", self._what, reason)
        elif now >= self._again_at:
            self._pause_s = min(2 * self._pause_s, _LONGEST_S)
            self._again_at = now + self._pause_s
            self._log.warning("%s for %.0f s: %s", self._what, now - self._began, reason)

    def _end(self) -> None:
        if self._began is not None:
            self._log.warning("no longer %s, after %.0f s", self._what, self._clock() - self._began)
        self._began = None
        self._told.clear()
