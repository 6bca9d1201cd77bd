"""The clock, passed in as an argument so that tests can use one of their own."""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """The functions that tell the time.

    Attributes:
        monotonic: seconds since some moment; never goes back.
        micros: the time of day, in microseconds since 1970 (UTC).
        sleep: sleeps for a number of seconds.
    """

    monotonic: Callable[[], float] = time.monotonic
    micros: Callable[[], int] = lambda: time.time_ns() // 1000
    sleep: Callable[[float], None] = time.sleep
