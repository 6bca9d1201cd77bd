"""Krippendorff's alpha, beside evalica's and on edges."""

import math
from typing import Any

import evalica
import numpy as np
import pandas as pd  # type: ignore[import-untyped]  # it has no types
import pytest
from plaudit_schemas.statistics.alpha import (
    GROUPS,
    MOST_VALUES,
    AlphaEstimate,
    Metric,
    krippendorff_alpha,
)

METRICS: tuple[Metric, ...] = ("nominal", "ordinal", "interval")
_NONE = math.nan
TEXTBOOK = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _NONE, _NONE, _NONE],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _NONE, 3],
    [_NONE, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _NONE],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _NONE],
]
"""Krippendorff's own example: four observers (rows) and twelve units."""


def estimate(table: Any, metric: Metric, **more: Any) -> AlphaEstimate:
    """The alpha of a table with a row for each rater and a column for each unit."""
    values = np.asarray(table, float)
    units = np.tile(np.arange(values.shape[1]), values.shape[0])
    return krippendorff_alpha(units, values.ravel(), metric, **more)


def simulated(seed: int, units: int = 60, raters: int = 5, levels: int = 5) -> Any:
    """Raters who are right or off by a little, and leave some units out."""
    random = np.random.default_rng(seed)
    truth = random.integers(1, levels + 1, units)
    said = np.clip(truth + random.choice([-2, -1, 0, 0, 0, 1], (raters, units)), 1, levels).astype(float)
    said[random.random(said.shape) < 0.3] = math.nan
    return said


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        pytest.param("nominal", 0.743, id="nominal"),
        pytest.param("ordinal", 0.815, id="ordinal"),
        pytest.param("interval", 0.849, id="interval"),
    ],
)
def test_the_books_own_example(metric: Metric, expected: float) -> None:
    found = estimate(TEXTBOOK, metric)
    assert found.value == pytest.approx(expected, abs=5e-4)
    assert (found.items, found.values) == (11, 40)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("seed", range(5), ids=lambda seed: f"seed {seed}")
def test_alpha_is_that_of_evalica(metric: Metric, seed: int) -> None:
    table = simulated(seed)
    theirs = evalica.alpha(pd.DataFrame(table), distance=metric, solver="naive")
    assert estimate(table, metric).value == pytest.approx(theirs.alpha, abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_the_interval_is_that_of_drawing_items_one_by_one(metric: Metric) -> None:
    table = simulated(7, units=80)
    random = np.random.default_rng(5)
    drawn = []
    for _ in range(400):
        taken = table[:, random.integers(0, table.shape[1], table.shape[1])]
        drawn.append(evalica.alpha(pd.DataFrame(taken), distance=metric, solver="pyo3").alpha)
    low, high = np.quantile(drawn, (0.025, 0.975))
    found = estimate(table, metric, resamples=4000)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.value < found.high
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.035)


@pytest.mark.parametrize("metric", METRICS)
def test_the_same_seed_gives_the_same_interval(metric: Metric) -> None:
    table = simulated(3)
    assert estimate(table, metric, seed=4) == estimate(table, metric, seed=4)
    assert estimate(table, metric, seed=4) != estimate(table, metric, seed=5)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "table",
    [
        pytest.param(np.zeros((0, 0)), id="nothing"),
        pytest.param([[1, 2, 3]], id="one rater"),
        pytest.param([[2, 2], [2, 2]], id="one label"),
        pytest.param([[0.1, 0.1], [0.1, 0.1], [0.1, 0.1]], id="equal fractions"),
        pytest.param([[_NONE, _NONE], [_NONE, _NONE]], id="NaN alone"),
        pytest.param([[1, _NONE], [_NONE, 2]], id="no unit twice"),
    ],
)
def test_without_what_it_compares_there_is_no_alpha(table: Any, metric: Metric) -> None:
    assert estimate(table, metric)[:3] == (None, None, None)


@pytest.mark.parametrize("metric", METRICS)
def test_raters_who_always_agree_have_an_alpha_of_one(metric: Metric) -> None:
    assert estimate([[1, 2, 3, 1]] * 3, metric)[:3] == pytest.approx((1, 1, 1))


@pytest.mark.parametrize("metric", METRICS)
def test_one_item_has_no_interval(metric: Metric) -> None:
    found = estimate([[1, 2]] * 2, metric, items=np.zeros(4, int))
    assert found == AlphaEstimate(1.0, None, None, 1, 4)


def test_units_of_one_item_are_drawn_together() -> None:
    """Each item ten times over: the same alpha, and the interval of the items, not of their copies."""
    table = simulated(2)
    copies = np.tile(table, 10)
    items = np.tile(np.arange(copies.shape[1]) % table.shape[1], table.shape[0])
    once, again = estimate(table, "nominal"), estimate(copies, "nominal", items=items)
    naive = estimate(copies, "nominal")
    assert again.value == pytest.approx(once.value, abs=0.01)
    assert _width(again) == pytest.approx(_width(once), rel=0.15)
    assert _width(naive) < 0.5 * _width(once)


@pytest.mark.parametrize("metric", METRICS)
def test_many_different_items_are_drawn_in_groups(metric: Metric) -> None:
    random = np.random.default_rng(1)
    units = 3 * GROUPS
    truth = random.normal(size=units)
    said: Any = np.stack([truth + random.normal(size=units) for _ in range(2)])
    if metric != "interval":
        said = np.round(np.clip(said, -3, 3))
    found = estimate(said, metric, resamples=300)
    part = estimate(said[:, :GROUPS], metric, resamples=300)
    assert found.items == units
    assert found.value == pytest.approx(part.value, abs=0.05)
    assert _width(found) == pytest.approx(_width(part) / math.sqrt(3), rel=0.25)


def test_too_many_values_are_refused() -> None:
    table = np.tile(np.arange(MOST_VALUES + 1), (2, 1))
    with pytest.raises(ValueError, match="257 different values; a nominal alpha has 256 at most"):
        estimate(table, "nominal")


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="same length"):
        krippendorff_alpha(np.zeros(2, int), np.zeros(3), "nominal")


def _width(found: AlphaEstimate) -> float:
    assert found.low is not None
    assert found.high is not None
    return found.high - found.low
