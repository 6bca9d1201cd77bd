"""Whether a worker is ready, and what it waits for."""

import logging
import time
from collections.abc import Callable
from typing import Final

from plaudit_schemas.service.wait_notice import WaitNotice

log = logging.getLogger(__name__)

_STALLED_AFTER_S: Final = 60.0

Waiter = int | str
"""What waits: a partition, or the name of a schema whose id is asked for."""


class Readiness:
    """Remembers what waits for a service that does not answer, and says so once, however many wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waits: dict[Waiter, str] = {}
        self._notice = WaitNotice(log, clock=clock)

    def begin_waiting(self, waiter: Waiter, reason: str) -> None:
        """Note that something waits for Redis or the registry."""
        self._waits[waiter] = reason
        self._notice.note(reason)

    def end_waiting(self, waiter: Waiter) -> None:
        """Note that it no longer waits."""
        if self._waits.pop(waiter, None) is not None and not self._waits:
            self._notice.note(None)

    @property
    def waiting_for(self) -> str | None:
        """Why one of the waiters waits; None while none does."""
        return next(iter(self._waits.values()), None)

    def unready(self, *, rebalancing: bool, waits_since: float | None, kafka_away: str | None) -> str | None:
        """Why the worker is not ready; None when it is.

        A worker is ready when it owns partitions or waits for them in a settled group, every service that it
        needs answers, and no partition's fetched records have waited for long.

        Args:
            waits_since: since when the partition that has waited longest waits, in seconds of the clock.
            kafka_away: why nothing can be sent to Kafka; None if it can.
        """
        if rebalancing:
            return "the group is rebalancing"
        away = self.waiting_for or kafka_away
        if away is not None:
            return f"waiting: {away}"
        if waits_since is not None and self._clock() - waits_since > _STALLED_AFTER_S:
            return f"records of a partition have waited for their commit for {_STALLED_AFTER_S:.0f} s"
        return None
