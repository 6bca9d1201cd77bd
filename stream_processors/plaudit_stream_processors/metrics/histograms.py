"""Log-spaced histograms: bucket i holds (base**(i-1), base**i], so a quantile is off by at most 5 %."""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil, log, sqrt
from typing import Final

BASE: Final = 1.1
_LOG_BASE = log(BASE)


@lru_cache(maxsize=65_536)
def index_of(value: float) -> int:
    """The bucket of a value; values up to 1 lie in bucket 0."""
    # The 1e-9 keeps a power of the base in its own bucket where its logarithm is rounded up.
    return 0 if value <= 1 else ceil(log(value) / _LOG_BASE - 1e-9)


def middle_of(index: int) -> float:
    """The geometric middle of a bucket: within sqrt(1.1) - 1 = 4.9 % of each value in it."""
    return 1.0 if index == 0 else BASE**index / sqrt(BASE)


def quantile(counts: Mapping[int, int], share: float) -> float | None:
    """The value below which `share` of the counted values lie (nearest rank); None without any."""
    total = sum(counts.values())
    if total <= 0:
        return None
    rank, seen = max(1, ceil(share * total)), 0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= rank:
            return middle_of(index)
    return middle_of(max(counts))
