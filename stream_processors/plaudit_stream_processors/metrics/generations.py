"""Generations: the spans of time for which it is decided once which values count apart.

A generation begins with a day (UTC), or when somebody clears places. The broker's record timestamp of an
event says which one it belongs to, so all workers, a replay and the audit agree.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

DAY_MS: Final = 86_400_000


class LabelGeneration(NamedTuple):
    """A span of a day.

    Attributes:
        begin_ms: since 1970.
    """

    begin_ms: int

    @property
    def day(self) -> int:
        """Days since 1970."""
        return self.begin_ms // DAY_MS


def generation_at(arrived_ms: int, clears: Sequence[int]) -> LabelGeneration:
    """The generation of an event.

    Args:
        arrived_ms: the record timestamp.
        clears: when places were cleared, in ms, ascending.
    """
    midnight = arrived_ms - arrived_ms % DAY_MS
    at = bisect_right(clears, arrived_ms)
    return LabelGeneration(max(midnight, clears[at - 1]) if at else midnight)


def generations_of(arrivals: Sequence[int], clears: Sequence[int]) -> list[LabelGeneration]:
    """The generations of events, ascending.

    Args:
        arrivals: their record timestamps.
        clears: as for `generation_at`.
    """
    if not arrivals:
        return []
    first, last = generation_at(min(arrivals), clears), generation_at(max(arrivals), clears)
    if first == last:  # nearly always
        return [first]
    return sorted({generation_at(arrived_ms, clears) for arrived_ms in arrivals})
