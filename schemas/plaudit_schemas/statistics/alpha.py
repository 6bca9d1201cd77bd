"""Krippendorff's alpha: how far raters agree beyond chance, with a bootstrap interval over items. Pure.

Krippendorff, Content Analysis (2018), chapter 12. 1 is perfect agreement, 0 what chance gives, and below 0
raters agree less than that.
"""

from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Metric = Literal["nominal", "ordinal", "interval"]
"""How far two values are apart. nominal: equal or not. ordinal: by the values between them. interval: by the
square of their difference."""
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RESAMPLES: Final = 1000
MOST_VALUES: Final = 256
"""Different values that a nominal or an ordinal alpha can have."""
GROUPS: Final = 4096
"""Items that are drawn one by one. If there are more different ones, they are drawn in as many groups."""
_CELLS: Final = 1 << 24
"""Numbers in one array, to bound the memory."""


class AlphaEstimate(NamedTuple):
    """An alpha.

    Attributes:
        value: None where it is not defined: without two values of one unit, or if all values are equal.
        low, high: the ends of the interval of 95 %; None with one item, or if most samples are not defined.
        items: with at least two values in a unit.
        values: of these units.
    """

    value: float | None
    low: float | None
    high: float | None
    items: int
    values: int


class IntervalSums(NamedTuple):
    """What alpha with the interval metric needs of each item. All arrays have one number for each item.

    Attributes:
        values: how many there are.
        total, squares: the sum of the values, and of their squares.
        disagreement: for each unit, the sum of the squared differences of all ordered pairs, divided by the
            number of its values less one.
    """

    values: Floats
    total: Floats
    squares: Floats
    disagreement: Floats


def krippendorff_alpha(
    units: Integers,
    values: Floats,
    metric: Metric,
    *,
    items: Integers | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> AlphaEstimate:
    """Alpha of values that raters gave to units; a rater gives a unit one value at most.

    Args:
        units: of each value, its unit.
        values: NaN is a missing value.
        items: of each value, what is drawn as a whole by the bootstrap; the unit if it is left out. The units
            of one item are different parts of it, as the pairs of a ranking are.
        resamples: samples of the bootstrap.
        seed: the same one gives the same interval.

    Raises:
        ValueError: the arrays differ in length, or there are more different values than MOST_VALUES.
    """
    owners = units if items is None else items
    if not len(units) == len(values) == len(owners):
        raise ValueError("units, values and items must have the same length")
    known = ~np.isnan(values)
    _, unit = np.unique(units[known], return_inverse=True)
    unit, kept, owner = _in_pairs(unit, values[known], owners[known])
    if metric == "interval":
        return alpha_of_sums(_interval_sums(unit, kept, owner), resamples=resamples, seed=seed)
    levels, level = np.unique(kept, return_inverse=True)
    if len(levels) > MOST_VALUES:
        raise ValueError(f"{len(levels)} different values; a {metric} alpha has {MOST_VALUES} at most")
    _, owner = np.unique(owner, return_inverse=True)
    patterns = _coincidences(unit, level, owner, len(levels))
    found = _Bootstrap(patterns, int(owner.max(initial=-1)) + 1, resamples, seed)
    return found.estimate(lambda sums: _alpha_of_coincidences(sums, len(levels), metric), len(kept))


def alpha_of_sums(sums: IntervalSums, *, resamples: int = RESAMPLES, seed: int = 0) -> AlphaEstimate:
    """Alpha with the interval metric, of items that were added up before."""
    found = _Bootstrap(np.stack(sums, axis=1), len(sums.values), resamples, seed)
    return found.estimate(_alpha_of_interval_sums, int(sums.values.sum()))


def _in_pairs(unit: Integers, values: Floats, owner: Integers) -> tuple[Integers, Floats, Integers]:
    """Those values whose unit has another one."""
    paired = np.bincount(unit)[unit] > 1 if len(unit) else np.zeros(0, bool)
    _, unit = np.unique(unit[paired], return_inverse=True)
    return unit, values[paired], owner[paired]


def _interval_sums(unit: Integers, values: Floats, owner: Integers) -> IntervalSums:
    # Squares of small numbers lose less; a shift changes no difference.
    shifted = values - (values.mean() if len(values) else 0.0)
    count, total, squares = (_added(unit, each) for each in (np.ones(len(unit)), shifted, shifted**2))
    apart = 2 * (count * squares - total**2) / np.maximum(count - 1, 1)
    first = np.unique(unit, return_index=True)[1]
    _, item = np.unique(owner[first], return_inverse=True)
    return IntervalSums(*(_added(item, each) for each in (count, total, squares, apart)))


def _added(groups: Integers, numbers: Floats) -> Floats:
    """The sum of the numbers of each group."""
    return np.bincount(groups, weights=numbers).astype(np.float64)


def _coincidences(unit: Integers, level: Integers, owner: Integers, levels: int) -> Floats:
    """The coincidence matrix of each item, in one row of levels * levels numbers."""
    owner = owner % max(1, _CELLS // max(1, levels**2))
    items = int(owner.max()) + 1 if len(owner) else 0
    found = np.zeros((items, levels * levels))
    order = np.argsort(unit, kind="stable")
    unit, level, owner = unit[order], level[order], owner[order]
    sizes = np.bincount(unit)
    starts = np.cumsum(sizes) - sizes
    for size in np.unique(sizes):
        places = starts[sizes == size][:, None] + np.arange(size)
        given, item = level[places], owner[places[:, 0]]
        for one in range(size):
            for other in range(size):
                if one != other:
                    cell = given[:, one] * levels + given[:, other]
                    np.add.at(found, (item, cell), 1 / (size - 1))
    return found


def _alpha_of_coincidences(sums: Floats, levels: int, metric: Metric) -> Floats:
    """Alpha of each row of `sums`, which is a coincidence matrix; NaN where it is not defined."""
    matrices = sums.reshape(-1, levels, levels)
    margins = matrices.sum(axis=2)
    total = margins.sum(axis=1)
    apart = _nominal(levels) if metric == "nominal" else _ordinal(margins)
    observed = (matrices * apart).sum(axis=(1, 2))
    expected = (margins[:, :, None] * margins[:, None, :] * apart).sum(axis=(1, 2))
    return _alpha(observed, expected, total)


def _nominal(levels: int) -> Floats:
    return 1.0 - np.eye(levels)


def _ordinal(margins: Floats) -> Floats:
    """The squared number of values from the middle of one value to the middle of another."""
    middles = np.cumsum(margins, axis=1) - margins / 2
    apart: Floats = (middles[:, :, None] - middles[:, None, :]) ** 2
    return apart


def _alpha_of_interval_sums(sums: Floats) -> Floats:
    count, total, squares, apart = sums.T
    return _alpha(apart, 2 * (count * squares - total**2), count)


def _alpha(observed: Floats, expected: Floats, count: Floats) -> Floats:
    """1 less observed by expected disagreement, of sums over all pairs of values."""
    # What rounding leaves of equal values is no disagreement.
    is_defined = (count > 1) & (expected > 1e-12 * count**2)
    safe = np.where(is_defined, expected, 1.0)
    return np.where(is_defined, 1 - (count - 1) * observed / safe, np.nan)


class _Bootstrap:
    """Draws items with their sums. Items with the same sums are drawn together."""

    def __init__(self, sums: Floats, items: int, resamples: int, seed: int) -> None:
        self._items = items
        self._sums, self._counts = np.unique(sums, axis=0, return_counts=True)
        if len(self._sums) > GROUPS:
            self._sums = _grouped(sums)
            self._counts = np.ones(len(self._sums), int)
        self._resamples, self._seed = resamples, seed

    def estimate(self, alpha: Any, values: int) -> AlphaEstimate:
        """The estimate, by a function that gives the alpha of each row of sums."""
        value = float(alpha((self._counts @ self._sums)[None])[0]) if self._items else np.nan
        if np.isnan(value):
            return AlphaEstimate(None, None, None, self._items, values)
        drawn = int(self._counts.sum())
        random = np.random.default_rng(self._seed)
        taken = random.multinomial(drawn, self._counts / drawn, self._resamples)
        rows = max(1, _CELLS // (8 * self._sums.shape[1]))
        parts = [taken[at : at + rows] for at in range(0, self._resamples, rows)]
        found = np.concatenate([alpha(part @ self._sums) for part in parts])
        found = found[~np.isnan(found)]
        if self._items < 2 or 2 * len(found) < self._resamples:
            return AlphaEstimate(value, None, None, self._items, values)
        low, high = (float(end) for end in np.quantile(found, (0.025, 0.975)))
        return AlphaEstimate(value, min(low, value), max(high, value), self._items, values)


def _grouped(sums: Floats) -> Floats:
    found = np.zeros((GROUPS, sums.shape[1]))
    np.add.at(found, np.arange(len(sums)) % GROUPS, sums)
    return found
