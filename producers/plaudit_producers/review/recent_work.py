"""What each reviewer did last, for a Redis that lost it: one that is killed may go back by a second."""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any, Final

from plaudit_schemas.review.targets import QueueName

_KEPT_S: Final = 600.0  # an outage may be long
_OF_EACH: Final = 5
_MOST_REVIEWERS: Final = 2_000

DoAgain = Callable[[], Awaitable[Any]]


class RecentWork:
    """The last items that each reviewer answered or declined, and how to tell the queue again.

    Until the review agent has brought such an answer from the log once more, the queue would give its item to
    the same reviewer again.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._done: OrderedDict[tuple[QueueName, str], OrderedDict[str, tuple[float, DoAgain]]] = (
            OrderedDict()
        )

    def add(self, queue: QueueName, reviewer: str, item: str, again: DoAgain) -> None:
        """Note what a reviewer did, once the log has it. `again` tells the queue once more."""
        mine = self._done.setdefault((queue, reviewer), OrderedDict())
        self._done.move_to_end((queue, reviewer))
        mine.pop(item, None)
        mine[item] = self._clock(), again
        while len(mine) > _OF_EACH:
            mine.popitem(last=False)
        while len(self._done) > _MOST_REVIEWERS:
            self._done.popitem(last=False)

    def take(self, queue: QueueName, reviewer: str, item: str) -> DoAgain | None:
        """Forget what a reviewer did to an item.

        Returns:
            How to tell the queue again; None if it is not known.
        """
        mine = self._done.get((queue, reviewer))
        if mine is None or item not in mine:
            return None
        at, again = mine.pop(item)
        return again if self._clock() - at < _KEPT_S else None
