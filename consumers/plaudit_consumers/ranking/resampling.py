"""Bootstrap intervals by group: whole groups are drawn again, such as all answers to a prompt. Pure.

Answers to one prompt are not independent, so drawing single answers would make intervals too narrow (Davison
and Hinkley, Bootstrap Methods and their Application, 1997, 3.8). Intervals are percentiles: with fewer than
about 20 groups they are too narrow all the same.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np

RESAMPLES: Final = 1000
SEED: Final = 20261126
_LEVELS: Final = (2.5, 97.5)
_CELLS: Final = 4_000_000
"""Weights in memory at a time."""

Floats = Any
"""A numpy array of floats."""


class Interval(NamedTuple):
    """A figure with its 95 % interval; without bounds where too little was seen."""

    value: float
    low: float | None = None
    high: float | None = None


def draws(groups: int, resamples: int = RESAMPLES, seed: int = SEED) -> Iterator[Floats]:
    """How often each group is in each resample, in pieces of shape [some resamples, groups].

    The same arguments give the same draws.
    """
    random = np.random.default_rng(seed)
    at_once = max(1, _CELLS // max(1, groups))
    for start in range(0, resamples, at_once):
        some = min(at_once, resamples - start)
        picked = random.integers(0, groups, (some, groups))
        offsets = np.arange(some)[:, None] * groups
        yield np.bincount((picked + offsets).ravel(), minlength=some * groups).reshape(some, groups)


def weighted_means(weights: Floats, values: Floats) -> Floats:
    """Means over groups, leaving out NaN.

    Args:
        weights: of shape [resamples, groups].
        values: of shape [groups, figures].

    Returns:
        Shape [resamples, figures]; NaN where a figure has no value.
    """
    present = ~np.isnan(values)
    totals = weights @ np.where(present, values, 0.0)
    counts = weights @ present.astype(float)
    return np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0)


def interval(value: float, resampled: Floats, groups: int) -> Interval:
    """The figure with the interval that its resampled values give; none for fewer than two groups."""
    known = resampled[~np.isnan(resampled)]
    if groups < 2 or not len(known):
        return Interval(value)
    low, high = np.percentile(known, _LEVELS)
    return Interval(value, float(low), float(high))
