"""The broker's time, as far as the timestamps of records tell it. Pure but for the clocks."""

import time
from collections.abc import Callable
from typing import Final

from plaudit_schemas.kafka.broker_clock import BrokerClock

_ROUND_MS: Final = 500
"""Records that lie closer together may be of one round of snapshots."""


class BrokerTime:
    """Says what time it is at the broker. Ages of figures must not depend on the clock of this machine.

    The past of a topic comes in a burst and tells nothing. Two records that were written as far apart as
    they came were read as they were written. Until then the clock of this machine is all there is.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, own: Callable[[], float] = time.time
    ) -> None:
        self._monotonic, self._own = monotonic, own
        self._clock = BrokerClock(monotonic)
        self._last: tuple[int, float] | None = None
        self._is_known = False

    def note_record(self, written_ms: int) -> None:
        """Note the timestamp of a record that was just read, in ms since 1970."""
        now = self._monotonic()
        if self._last is not None:
            written = written_ms - self._last[0]
            if written < _ROUND_MS:
                return
            self._is_known = self._is_known or (now - self._last[1]) * 1000 >= written / 2
        self._last = written_ms, now
        self._clock.add_sample(written_ms)

    def now_us(self) -> int:
        """The time in microseconds since 1970."""
        told_ms = self._clock.now_ms()
        if told_ms is not None and self._is_known:
            return told_ms * 1000
        # Records never come before they are written, so the broker's time is at least what they tell.
        return max(int(self._own() * 1e6), (told_ms or 0) * 1000)
