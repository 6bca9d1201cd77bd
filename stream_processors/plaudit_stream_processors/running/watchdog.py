"""Detects a worker that hangs. The group protocol and its clients may stall, and a restart heals that."""

import time
from collections.abc import Callable

from plaudit_schemas.errors import PlauditError


class WorkerHangsError(PlauditError):
    """The worker makes no progress, for no reason that it knows."""


class Watchdog:
    """Watches a worker's signs of life. Pure except for its clock.

    A worker hangs when for `stall_s` seconds a rebalance does not end, nothing is fetched, or fetched batches
    are not committed. A worker that waits for a service known to be away does not hang.
    """

    def __init__(self, stall_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._stall_s, self._clock = stall_s, clock
        self._seen: dict[str, tuple[float, float]] = {}

    def find_hang(
        self, *, rebalancing: bool, fetched_at: float, waits_since: float | None, away: bool
    ) -> str | None:
        """What hangs, and for how long; None while all is well.

        Args:
            fetched_at: time of the last fetch, empty or not, on any clock: only its changes matter.
            waits_since: as `BatchedConsumer.waits_since` returns it.
            away: a service that the worker needs is known to be away.
        """
        now = self._clock()
        signs: dict[str, float | None] = {
            "the rebalance has not ended": 0.0 if rebalancing else None,
            "nothing was fetched": None if rebalancing else fetched_at,
            "fetched batches were not committed": None if rebalancing else waits_since,
        }
        # A mark that changes is progress; one that stays for too long is a hang.
        for sign, mark in signs.items():
            if mark is None or away:
                self._seen.pop(sign, None)
            elif sign not in self._seen or self._seen[sign][0] != mark:
                self._seen[sign] = (mark, now)
            elif now - self._seen[sign][1] > self._stall_s:
                return f"{sign} for {now - self._seen[sign][1]:.0f} s"
        return None
