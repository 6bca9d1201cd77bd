"""Estimates of figures, with their intervals and standard errors."""

from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

from plaudit_schemas.contract.ratings import BEST, WORST
from plaudit_schemas.statistics.intervals import Z, wilson


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: None where nothing was counted.
        count: the votes or messages behind the value.
        standard_error: of a mean, and of the share of likes on an aspect; None for all else.
        voters: conversations that voted; 0 where the estimate is not clustered.
    """

    value: float | None
    count: int
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    voters: int = 0


class Clusters(NamedTuple):
    """Sums over the conversations that voted. Each has n votes, whose values sum to s thousandths.

    Attributes:
        voters: number of conversations.
        n: sum of n; likewise `s` of s, `ss` of s * s, `sn` of s * n and `nn` of n * n.
    """

    voters: int
    n: int
    s: int
    ss: int
    sn: int
    nn: int


def design_effect(clusters: Clusters, variance: float) -> float:
    """The factor by which clustering by conversation raises the variance of a mean; at least 1.

    It is the variance of a ratio mean over clusters (Cochran, Sampling Techniques, 1977, 6.5), divided by
    that of as many independent votes. `variance` is that of single votes, in squared thousandths.
    """
    # One conversation says nothing about the spread between conversations.
    if clusters.voters < 2 or clusters.n <= 0 or variance <= 0:
        return 1.0
    mean = clusters.s / clusters.n
    spread = clusters.ss - 2 * mean * clusters.sn + mean * mean * clusters.nn
    clustered = clusters.voters / (clusters.voters - 1) * spread / clusters.n**2
    return max(1.0, clustered / (variance / clusters.n))


def mean(
    n: int, total: int, squares: int, clusters: Clusters, ends: tuple[int, int] = (WORST, BEST)
) -> Estimate:
    """A mean of ratings in thousandths, with its standard error clustered by conversation.

    The interval ends where the scale does. Votes that are all equal tell nothing about their spread, so
    they have no interval.

    Args:
        ends: of the scale, in thousandths.
    """
    if n <= 0:
        return Estimate(None, 0)
    middle = total / n
    if n < 2:
        return Estimate(middle / 1000, n, voters=clusters.voters)
    # Rounding may leave a value just below 0.
    variance = max(0.0, (squares - total * total / n) / (n - 1))
    error = sqrt(variance / n * design_effect(clusters, variance)) / 1000
    middle /= 1000
    if not error:
        return Estimate(middle, n, standard_error=error, voters=clusters.voters)
    low, high = max(ends[0] / 1000, middle - Z * error), min(ends[1] / 1000, middle + Z * error)
    return Estimate(middle, n, low, high, error, clusters.voters)


def proportion(n: int, total: int, clusters: Clusters) -> Estimate:
    """A share of n votes (each 0 or 1000), with its Wilson interval widened by the design effect."""
    if n <= 0:
        return Estimate(None, 0)
    share = total / n / 1000
    effect = design_effect(clusters, share * (1 - share) * 1_000_000)
    low, high = wilson(share, n / effect)
    return Estimate(share, n, low, high, voters=clusters.voters)


def share(part: int, whole: int) -> Estimate:
    """A share of messages with its Wilson interval, not clustered."""
    if whole <= 0:
        return Estimate(None, 0)
    low, high = wilson(part / whole, whole)
    return Estimate(part / whole, whole, low, high)
