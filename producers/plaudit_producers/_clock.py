"""Time as it comes in from outside, so that tests bring their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that only grow, microseconds since 1970, and sleeping."""

    monotonic: Callable[[], float] = time.monotonic
    micros: Callable[[], int] = lambda: time.time_ns() // 1000
    sleep: Callable[[float], None] = time.sleep
