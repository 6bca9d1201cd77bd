"""Statistics of scores beside people's judgements, against textbook values and other ways to make them."""

from math import sqrt
from random import Random

import pytest
from plaudit_stream_processors.metrics.agreement_counts import BINS, agrees, bin_of
from plaudit_stream_processors.metrics.agreement_statistics import (
    Confusion,
    Tenth,
    area_under_curve,
    calibration_error,
    confusion,
    correlation,
    squared_error,
)

from tests.support import agreement_pairs

Pairs = list[tuple[int, bool]]


def drawn(seed: int, count: int, *, off: float = 0.0) -> Pairs:
    """Scores that are right as often as they say, shifted by `off`."""
    random = Random(seed)
    found = []
    for _ in range(count):
        chance = random.betavariate(2, 2)
        score = min(1.0, max(0.0, chance + off))
        found.append((round(score * 1000), random.random() < chance))
    return found


def histograms(pairs: Pairs) -> tuple[list[int], list[int]]:
    yes, no = [0] * BINS, [0] * BINS
    for score, liked in pairs:
        (yes if liked else no)[bin_of(score)] += 1
    return yes, no


def tenths(pairs: Pairs) -> list[Tenth]:
    found = []
    for at in range(10):
        some = [(score, liked) for score, liked in pairs if min(score // 100, 9) == at]
        mean = sum(score for score, _ in some) / len(some) / 1000 if some else 0.0
        found.append(Tenth(len(some), sum(liked for _, liked in some), mean))
    return found


def test_bins_and_sides_meet_at_the_middle_and_at_each_tenth() -> None:
    assert [bin_of(score) for score in (0, 19, 20, 499, 500, 999, 1000)] == [0, 0, 1, 24, 25, 49, 49]
    assert (agrees(500, True), agrees(499, True), agrees(499, False)) == (True, False, True)
    assert all(
        bin_of(tenth * 100) == tenth * 5 and bin_of(tenth * 100 - 1) < tenth * 5 for tenth in range(1, 10)
    )


def test_the_confusion_is_that_of_the_scores() -> None:
    pairs = drawn(1, 400)
    cells = confusion(*histograms(pairs))
    assert cells == Confusion(
        sum(score >= 500 and liked for score, liked in pairs),
        sum(score >= 500 and not liked for score, liked in pairs),
        sum(score < 500 and not liked for score, liked in pairs),
        sum(score < 500 and liked for score, liked in pairs),
    )


def test_the_area_has_the_standard_error_of_delong() -> None:
    pairs = drawn(2, 60)
    estimate = area_under_curve(*histograms(pairs), 1.0)
    liked = [bin_of(score) for score, good in pairs if good]
    others = [bin_of(score) for score, good in pairs if not good]
    wins = [[(a > b) + (a == b) / 2 for b in others] for a in liked]
    area = sum(map(sum, wins)) / len(liked) / len(others)
    rows = [sum(row) / len(others) for row in wins]
    columns = [sum(column) / len(liked) for column in zip(*wins, strict=True)]
    variance = sum((row - area) ** 2 for row in rows) / (len(rows) - 1) / len(rows)
    variance += sum((column - area) ** 2 for column in columns) / (len(columns) - 1) / len(columns)
    assert estimate.value == pytest.approx(area) == pytest.approx(agreement_pairs.area(pairs))
    assert estimate.low == pytest.approx(area - 1.959964 * sqrt(variance))


@pytest.mark.parametrize(
    ("yes", "no", "value"),
    [([0, 0, 3], [2, 0, 0], 1.0), ([2, 0, 0], [0, 0, 3], 0.0), ([0, 4, 0], [0, 5, 0], 0.5)],
    ids=["always right", "always wrong", "all the same"],
)
def test_an_area_without_any_spread_has_no_interval(yes: list[int], no: list[int], value: float) -> None:
    estimate = area_under_curve(yes, no, 1.0)
    assert (estimate.value, estimate.low, estimate.high) == (value, None, None)


@pytest.mark.parametrize(
    ("yes", "no", "known"),
    [([0, 3], [0, 0], False), ([0, 0], [1, 2], False), ([0, 1], [2, 3], True)],
    ids=["nobody against", "nobody for", "one of them"],
)
def test_areas_of_few(yes: list[int], no: list[int], known: bool) -> None:
    estimate = area_under_curve(yes, no, 1.0)
    assert (estimate.value is not None, estimate.low) == (known, None)


def test_the_correlation_is_that_of_matthews() -> None:
    # Of the worked example of Chicco and Jurman (2020), cells 90, 4, 1, 5.
    estimate = correlation(Confusion(90, 4, 1, 5), 1.0)
    assert estimate.value == pytest.approx(0.135, abs=1e-3)
    assert estimate.low is not None
    assert estimate.value is not None
    assert estimate.high is not None
    assert estimate.low < 0 < estimate.value < estimate.high
    assert correlation(Confusion(5, 0, 0, 0), 1.0).value is None
    assert correlation(Confusion(5, 1, 0, 0), 1.0).value is None
    lone = correlation(Confusion(5, 0, 1, 0), 1.0)
    assert (lone.value, lone.low) == (1.0, None), "without the one below the middle there is no coefficient"


def test_the_correlation_has_the_standard_error_of_the_jackknife() -> None:
    pairs = drawn(4, 40)
    without = [agreement_pairs.matthews(pairs[:at] + pairs[at + 1 :]) or 0.0 for at in range(len(pairs))]
    middle = sum(without) / len(without)
    error = sqrt((len(pairs) - 1) / len(pairs) * sum((one - middle) ** 2 for one in without))
    estimate = correlation(confusion(*histograms(pairs)), 1.0)
    assert estimate.value == pytest.approx(agreement_pairs.matthews(pairs))
    assert estimate.high == pytest.approx((estimate.value or 0.0) + 1.959964 * error)


def test_clusters_widen_every_interval() -> None:
    pairs = drawn(3, 200)
    yes, no = histograms(pairs)
    for one, many in (
        (area_under_curve(yes, no, 1.0), area_under_curve(yes, no, 4.0)),
        (correlation(confusion(yes, no), 1.0), correlation(confusion(yes, no), 4.0)),
        (squared_error(40_000_000, yes, no, 1.0), squared_error(40_000_000, yes, no, 4.0)),
    ):
        assert one.value is not None
        assert one.low is not None
        assert many.low is not None
        assert one.value - many.low == pytest.approx(2 * (one.value - one.low))
    fitting, apart = calibration_error(tenths(pairs), 1.0), calibration_error(tenths(pairs), 4.0)
    assert (fitting.high or 0) < (apart.high or 0)


@pytest.mark.slow
@pytest.mark.parametrize("count", [50, 500, 5000], ids="{} pairs".format)
def test_chance_alone_seldom_lifts_the_lower_end_of_the_calibration_error(count: int) -> None:
    lows = [calibration_error(tenths(drawn(seed, count)), 1.0).low for seed in range(100)]
    assert sum(low > 0 for low in lows if low is not None) <= 8
    if count > 50:
        shifted = [calibration_error(tenths(drawn(seed, count, off=0.2)), 1.0).low for seed in range(20)]
        assert min(low or 0.0 for low in shifted) > 0.05


def test_the_interval_of_the_squared_error_holds_the_true_one() -> None:
    truth = agreement_pairs.brier(drawn(9, 200_000))
    held = 0
    for seed in range(100):
        pairs = drawn(seed, 300)
        total = sum((score - 1000 * liked) ** 2 for score, liked in pairs)
        estimate = squared_error(total, *histograms(pairs), 1.0)
        held += (estimate.low or 0) <= truth <= (estimate.high or 1)
        assert estimate.value == pytest.approx(agreement_pairs.brier(pairs))
    assert held >= 88


def test_nothing_counted_is_nothing_known() -> None:
    none = [0] * BINS
    assert area_under_curve(none, none, 1.0).count == 0
    assert squared_error(0, none, none, 1.0).value is None
    assert calibration_error([Tenth(0, 0, 0.0)] * 10, 1.0).value is None
    assert correlation(confusion(none, none), 1.0).value is None
