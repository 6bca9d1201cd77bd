"""The pairs that a comparison orders. Pure."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple


class RankedPair(NamedTuple):
    """Two candidates, by message id.

    Attributes:
        better, worse: in the order of the ranking; for a tie, in the order in which they are given.
        lead: how far apart they are, from 0 for a tie to 1 for first against last.
        strength: how much better the one is, from 0 to 1; None where nobody said.
    """

    better: str
    worse: str
    lead: float
    strength: float | None


def ranked_pairs(comparison: Mapping[str, Any]) -> list[RankedPair]:
    """Each two of the ranked candidates; those that were not ranked make no pair."""
    ranking = comparison["ranking"] or []
    placed = [(rank, name) for rank, names in enumerate(ranking) for name in names]
    longest = max(1, len(ranking) - 1)
    return [
        RankedPair(
            better, worse, (low - high) / longest, _strength(high, low, longest, comparison["strength"])
        )
        for (high, better), (low, worse) in combinations(placed, 2)
    ]


def _strength(high: int, low: int, longest: int, given: float | None) -> float | None:
    if high == low:
        return None
    if (high, low) == (0, 1) and given is not None:  # it is said of the first group and the next
        return given
    # With two groups the distance is always 1, which says nothing.
    return (low - high) / longest if longest > 1 else None
