"""Time, passed in so that tests can bring their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds that never go back, microseconds since 1970, and sleeping for seconds."""

    monotonic: Callable[[], float] = time.monotonic
    micros: Callable[[], int] = lambda: time.time_ns() // 1000
    sleep: Callable[[float], None] = time.sleep
