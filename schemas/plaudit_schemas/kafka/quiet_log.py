"""A Kafka client's log without its repetitions, and without what a broker's start brings of itself."""

import logging
import math
import re
import time
from collections.abc import Callable
from typing import Final

_EVERY_S: Final = 30.0
_MOST: Final = 1000
_PASSING: Final = re.compile(
    r"Failed to acquire idempotence PID"
    r"|Group Coordinator Request failed: .*GroupCoordinatorNotAvailableError"
)
"""What ends by itself seconds after a broker's start."""


class RepetitionFilter(logging.Filter):
    """Lets a line through once in 30 s, then with the number of those it held back.

    A broker that is away gives several lines a second, the same but for the time that each attempt took.
    A line that a broker's start brings of itself is let through only if it comes again after 30 s.
    There is no lock, which a fork could leave taken for good: two threads may let the same line through.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be written."""
        text = record.getMessage()
        same, now = text.partition(" (after ")[0], self._clock()
        told_at, held_back = self._told.get(same, (-math.inf, 0))
        if now - told_at > 2 * _EVERY_S and _PASSING.search(text):
            told_at, held_back = now, 0  # as if it were told: it has to last
        if now - told_at < _EVERY_S:
            self._told[same] = told_at, held_back + 1
            return False
        if len(self._told) >= _MOST:
            self._told.clear()
        self._told[same] = now, 0
        if held_back:
            record.msg, record.args = f"{text} ({held_back} more since then)", ()
        return True


def quiet_log(name: str) -> logging.Logger:
    """The logger of a librdkafka client, with the filter."""
    log = logging.getLogger(name)
    if not any(isinstance(each, RepetitionFilter) for each in log.filters):
        log.addFilter(RepetitionFilter())
    return log
