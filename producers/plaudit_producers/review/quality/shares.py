"""Shares with Wilson's interval, as the figures give them. Pure."""

from dataclasses import dataclass
from math import exp, lgamma, log
from typing import Any, Final

from plaudit_schemas.statistics.intervals import wilson

_NEGLIGIBLE: Final = 1e-12


@dataclass(slots=True)
class Hits:
    """How many of some answers were right."""

    right: int = 0
    count: int = 0

    def add(self, is_right: bool) -> None:
        self.right += is_right
        self.count += 1

    def share(self) -> dict[str, Any]:
        """The share, with an interval of 95 %; without answers its numbers are None."""
        if not self.count:
            return {"share": None, "low": None, "high": None, "right": 0, "count": 0}
        share = self.right / self.count
        low, high = wilson(share, self.count)
        return {"share": share, "low": low, "high": high, "right": self.right, "count": self.count}


def below_by_chance(hits: Hits, usual: float) -> float:
    """How likely it is that so few are right, or fewer, where each is with the probability `usual`.

    The lower tail of the binomial distribution.

    Args:
        usual: above 0, below 1, and above the share of hits.
    """
    right, count = hits.right, hits.count
    ways = lgamma(count + 1) - lgamma(right + 1) - lgamma(count - right + 1)
    term = exp(ways + right * log(usual) + (count - right) * log(1 - usual))
    total = 0.0
    # Below the mean the terms fall.
    while right >= 0 and term > _NEGLIGIBLE * total:
        total += term
        term *= right * (1 - usual) / ((count - right + 1) * usual)
        right -= 1
    return total
