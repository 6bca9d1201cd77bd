"""Statistics of scores beside what people say, from histograms. Pure.

A histogram has the number of scores by bin, from the lowest bin of the scale to the highest. Each interval
holds about 95 %; `effect` is the factor by which clustering raises the variance (`estimates.design_effect`).
"""

from collections.abc import Sequence
from itertools import accumulate
from math import pi, sqrt
from typing import Final, NamedTuple

from plaudit_schemas.statistics.intervals import Z

from plaudit_stream_processors.metrics.estimates import Estimate

Histogram = Sequence[int]

_FOLDED: Final = 2 / pi
"""The squared mean of the size of a standard normal number."""


class Confusion(NamedTuple):
    """How often scores from the middle upwards (positive) and below it were right (true)."""

    true_positive: int
    false_positive: int
    true_negative: int
    false_negative: int


class Tenth(NamedTuple):
    """The scores of one tenth of the scale: how many, how many of them people are for, their mean."""

    scores: int
    liked: int
    mean: float


def confusion(yes: Histogram, no: Histogram) -> Confusion:
    """The confusion at the middle of the scale, from scores that people are for and against."""
    middle = len(yes) // 2
    return Confusion(sum(yes[middle:]), sum(no[middle:]), sum(no[:middle]), sum(yes[:middle]))


def area_under_curve(yes: Histogram, no: Histogram, effect: float) -> Estimate:
    """How often a message that people are for has the higher score; equal bins count half.

    The variance is that of DeLong, DeLong and Clarke-Pearson (1988).
    """
    many, few = sum(yes), sum(no)
    if not many or not few:
        return Estimate(None, many + few)
    above = _placements(yes, no)
    below = [1 - share for share in _placements(no, yes)]
    area = sum(n * share for n, share in zip(yes, above, strict=True)) / many
    if many < 2 or few < 2:
        return Estimate(area, many + few)
    variance = _spread(yes, above, area) / many + _spread(no, below, area) / few
    return _with_interval(area, many + few, sqrt(effect * variance), (0.0, 1.0))


def correlation(cells: Confusion, effect: float) -> Estimate:
    """Matthews' correlation coefficient (1975), from -1 to 1. Its variance is that of the jackknife."""
    count, value = sum(cells), _matthews(cells)
    if value is None:
        return Estimate(None, count)
    without = [
        (n, _matthews(cells._replace(**{name: n - 1})))
        for name, n in zip(Confusion._fields, cells, strict=True)
        if n
    ]
    known = [(n, left) for n, left in without if left is not None]
    if len(known) < len(without):
        return Estimate(value, count)
    middle = sum(n * left for n, left in known) / count
    variance = (count - 1) / count * sum(n * (left - middle) ** 2 for n, left in known)
    return _with_interval(value, count, sqrt(effect * variance), (-1.0, 1.0))


def squared_error(total: int, yes: Histogram, no: Histogram, effect: float) -> Estimate:
    """Brier's score (1950): the mean squared difference from 1 where people are for a message, else from 0.

    Its spread is taken from the middles of the bins.

    Args:
        total: the sum of the squared differences, in millionths.
    """
    count = sum(yes) + sum(no)
    if not count:
        return Estimate(None, 0)
    value = total / count / 1_000_000
    middles = [(at + 0.5) / len(yes) for at in range(len(yes))]
    errors = [(n, (1 - middle) ** 2) for n, middle in zip(yes, middles, strict=True)]
    errors += [(n, middle**2) for n, middle in zip(no, middles, strict=True)]
    mean = sum(n * error for n, error in errors) / count
    variance = sum(n * (error - mean) ** 2 for n, error in errors) / max(1, count - 1)
    return _with_interval(value, count, sqrt(effect * variance / count), (0.0, 1.0))


def calibration_error(tenths: Sequence[Tenth], effect: float) -> Estimate:
    """The mean distance of scores from the share of messages that people are for, over tenths of the scale.

    Chance alone makes such a distance. So the lower end is what is left of it after the most that chance
    makes of perfect scores in 19 of 20 cases: above 0 the scores are off.
    """
    filled = [tenth for tenth in tenths if tenth.scores]
    count = sum(tenth.scores for tenth in filled)
    if not count:
        return Estimate(None, 0)
    value = chance = perfect = seen = 0.0
    for tenth in filled:
        weight, share = tenth.scores / count, tenth.liked / tenth.scores
        value += weight * abs(tenth.mean - share)
        variance = effect * tenth.mean * (1 - tenth.mean) / tenth.scores
        chance += weight * sqrt(_FOLDED * variance)
        perfect += weight**2 * (1 - _FOLDED) * variance
        seen += weight**2 * effect * share * (1 - share) / tenth.scores
    low = max(0.0, value - chance - Z * sqrt(perfect))
    return Estimate(value, count, low, min(1.0, value + Z * sqrt(seen)))


def _placements(ours: Histogram, theirs: Histogram) -> list[float]:
    """For each bin, the share of the other scores that lie below it; those in the same bin count half."""
    total = sum(theirs)
    below = accumulate(theirs, initial=0)
    return [(under + n / 2) / total for under, n in zip(below, theirs, strict=False)][: len(ours)]


def _spread(counts: Histogram, shares: Sequence[float], middle: float) -> float:
    """The sample variance of the shares, each as often as its bin counts."""
    squares = sum(n * (share - middle) ** 2 for n, share in zip(counts, shares, strict=True))
    return squares / (sum(counts) - 1)


def _matthews(cells: Confusion) -> float | None:
    tp, fp, tn, fn = cells
    product = (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)
    return (tp * tn - fp * fn) / sqrt(product) if product else None


def _with_interval(value: float, count: int, error: float, ends: tuple[float, float]) -> Estimate:
    """An estimate with its normal interval; none where what was counted shows no spread."""
    if not error:
        return Estimate(value, count)
    return Estimate(value, count, max(ends[0], value - Z * error), min(ends[1], value + Z * error))
