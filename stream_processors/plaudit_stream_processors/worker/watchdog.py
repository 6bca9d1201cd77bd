"""Says when a worker hangs: the group protocol and its clients are known to stall; a restart heals that."""

import time
from collections.abc import Callable

from plaudit_schemas.errors import PlauditError


class WorkerHangsError(PlauditError):
    """The worker makes no progress and does not know why."""


class Watchdog:
    """Looks at a worker's signs of life; pure but for its clock.

    A worker hangs when a rebalance does not end, when nobody fetches, or when fetched batches are not
    committed, each for `stall_s`. While a service is known to be away the worker waits, and that is
    no hang.
    """

    def __init__(self, stall_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_s, self._clock = stall_s, clock
        self._seen: dict[str, tuple[float, float]] = {}

    def find_hang(
        self, *, rebalancing: bool, fetched_at: float, waits_since: float | None, away: bool
    ) -> str | None:
        """What hangs; None while all is well.

        `fetched_at` is any clock's time of the last fetch, empty or not; `waits_since` is the transport's.
        """
        now = self._clock()
        signs: dict[str, float | None] = {
            "the rebalance has not ended": 0.0 if rebalancing else None,
            "nothing was fetched": None if rebalancing else fetched_at,
            "fetched batches were not committed": None if rebalancing else waits_since,
        }
        for sign, mark in signs.items():
            if mark is None or away:
                self._seen.pop(sign, None)
            elif sign not in self._seen or self._seen[sign][0] != mark:
                self._seen[sign] = (mark, now)
            elif now - self._seen[sign][1] > self._stall_s:
                return f"{sign} for {now - self._seen[sign][1]:.0f} s"
        return None
