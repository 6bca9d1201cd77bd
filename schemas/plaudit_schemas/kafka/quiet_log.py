"""A log filter for Kafka clients. It drops repeated lines, and passing errors of a starting broker."""

import logging
import math
import re
import time
from collections.abc import Callable
from typing import Final, NamedTuple

_EVERY_S: Final = 30.0
_LONGEST_S: Final = 3600.0
_MOST: Final = 1000  # different lines that are remembered; bounds the memory of a long-running process
_PASSING: Final = re.compile(
    r"Failed to acquire idempotence PID"
    r"|Group Coordinator Request failed: .*GroupCoordinatorNotAvailableError"
)
"""Errors that stop by themselves some seconds after a broker has started."""


class _Told(NamedTuple):
    """When a line was written and last held back, how often since, and when it is written again."""

    at: float
    seen_at: float
    every_s: float = _EVERY_S
    held_back: int = 0


class RepetitionFilter(logging.Filter):
    """Passes the same line once, and again after 30 s, 60 s and so on, each hour at last.

    It then adds how many it has held back.

    While a broker is away, a client logs several lines a second that differ only in the time that each
    attempt took. The passing errors of a starting broker are logged only if they last for 30 s.

    There is no lock, because a fork could copy it while it is held. So two threads may pass the same line.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._told: dict[str, _Told] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to write the line."""
        text = record.getMessage()
        # librdkafka appends the time of the attempt: "(after 12ms in state CONNECT)".
        same, now = text.partition(" (after ")[0], self._clock()
        told = self._told.get(same)
        if told is None or now - told.seen_at > 2 * _EVERY_S:
            # A passing error counts as just written: it has to last to be seen.
            told = _Told(now if _PASSING.search(text) else -math.inf, now)
        if now - told.at < told.every_s:
            self._told[same] = told._replace(seen_at=now, held_back=told.held_back + 1)
            return False
        if len(self._told) >= _MOST:
            self._told.clear()
        every_s = _EVERY_S if told.at == -math.inf else min(2 * told.every_s, _LONGEST_S)
        self._told[same] = _Told(now, now, every_s)
        if told.held_back:
            record.msg, record.args = f"{text} ({told.held_back} more since then)", ()
        return True


def quiet_log(name: str) -> logging.Logger:
    """The logger `name`, with a `RepetitionFilter`; for librdkafka clients."""
    log = logging.getLogger(name)
    if not any(isinstance(each, RepetitionFilter) for each in log.filters):
        log.addFilter(RepetitionFilter())
    return log
