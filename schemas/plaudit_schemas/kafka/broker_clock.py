"""The broker's time, learnt from the timestamps that it gives to records."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

_SAMPLES: Final = 64


class BrokerClock:
    """Tells the broker's time without trusting the clock of this machine. Thread-safe.

    A record, or its acknowledgement, arrives after the broker has given the timestamp. So each sample makes
    the broker's clock look slow, by as long as that took, and the fastest of the last samples is the best
    one. Old samples are dropped, because the two clocks drift.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._ahead_ms: deque[float] = deque(maxlen=_SAMPLES)

    def add_sample(self, broker_ms: int) -> None:
        """Note the timestamp of a record that was just acknowledged or read, in ms since 1970."""
        self._ahead_ms.append(broker_ms - self._monotonic() * 1000)

    def now_ms(self) -> int | None:
        """The broker's time in ms since 1970. None before the first sample."""
        samples = tuple(self._ahead_ms)  # a copy: another thread may add one
        return int(max(samples) + self._monotonic() * 1000) if samples else None
