"""Whether a sink is ready, as `/health/ready` tells."""

import time
from collections.abc import Callable
from typing import Final

_STALLED_AFTER_S: Final = 120.0


class SinkReadiness:
    """Ready is a sink that has joined its group, can write, and comes round. Safe for threads.

    Attributes:
        output_problem: why the output cannot be written; None as far as the sink knows that it can.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.output_problem: str | None = None
        self._has_joined = False
        self._last_turn = clock()

    def mark_joined(self) -> None:
        """The group has given the sink its partitions; in a settled group that may be none."""
        self._has_joined = True

    def mark_turn(self) -> None:
        """The loop came round."""
        self._last_turn = self._clock()

    def problem(self) -> str | None:
        """Why the sink is not ready; None when it is."""
        if self.output_problem is not None:
            return self.output_problem
        if not self._has_joined:
            return "it has not joined its group yet"
        if self._clock() - self._last_turn > _STALLED_AFTER_S:
            return f"it has not come round for {_STALLED_AFTER_S:.0f} s"
        return None
