"""A log filter for Kafka clients. It drops repeated lines, and passing errors of a starting broker."""

import logging
import math
import re
import time
from collections.abc import Callable
from typing import Final

_EVERY_S: Final = 30.0
_MOST: Final = 1000  # different lines that are remembered; bounds the memory of a long-running process
_PASSING: Final = re.compile(
    r"Failed to acquire idempotence PID"
    r"|Group Coordinator Request failed: .*GroupCoordinatorNotAvailableError"
)
"""Errors that stop by themselves some seconds after a broker has started."""


class RepetitionFilter(logging.Filter):
    """Passes the same line once in 30 s, and then adds how many it has held back.

    While a broker is away, a client logs several lines a second that differ only in the time that each
    attempt took. The passing errors of a starting broker are logged only if they last for 30 s.

    There is no lock, because a fork could copy it while it is held. So two threads may pass the same line.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the line."""
        text = record.getMessage()
        # librdkafka appends the time of the attempt: "(after 12ms in state CONNECT)".
        same, now = text.partition(" (after ")[0], self._clock()
        told_at, held_back = self._told.get(same, (-math.inf, 0))
        if now - told_at > 2 * _EVERY_S and _PASSING.search(text):
            told_at, held_back = now, 0  # as if it were just written, so it has to last to be seen
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
    """The logger `name`, with a `RepetitionFilter`; for librdkafka clients."""
    log = logging.getLogger(name)
    if not any(isinstance(each, RepetitionFilter) for each in log.filters):
        log.addFilter(RepetitionFilter())
    return log
