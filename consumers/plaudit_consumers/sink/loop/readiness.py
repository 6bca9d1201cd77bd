"""Whether a sink is ready, as reported at `/health/ready`."""

import time
from collections.abc import Callable
from typing import Final

_STALLED_AFTER_S: Final = 120.0
"""A turn of the loop that takes longer counts as stalled."""


class SinkReadiness:
    """A sink is ready if it is in its group, can read and write, and its loop runs. Safe for several threads.

    Attributes:
        kafka_problem: why Kafka or its topic cannot be relied on; None while no problem is known.
        output_problem: why records cannot be written or read; None while no problem is known.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.kafka_problem: str | None = None
        self.output_problem: str | None = None
        self._has_joined = False
        self._last_turn = clock()

    def mark_joined(self) -> None:
        """Note that the group has assigned partitions; with more sinks than partitions there may be none."""
        self._has_joined = True

    def mark_lost(self) -> None:
        """Note that the group has given the partitions to others; the sink joins it again by itself."""
        self._has_joined = False

    def mark_turn(self) -> None:
        """Note that the loop has completed a turn."""
        self._last_turn = self._clock()

    def problem(self) -> str | None:
        """Why the sink is not ready; None when it is."""
        if self.output_problem is not None:
            return self.output_problem
        if self.kafka_problem is not None:
            return self.kafka_problem
        if not self._has_joined:
            return "it is not in its consumer group"
        if self._clock() - self._last_turn > _STALLED_AFTER_S:
            return f"its loop has made no progress for {_STALLED_AFTER_S:.0f} s"
        return None
