"""Figures and their intervals, against slow ways and known values."""

from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest
from plaudit_consumers.training.evaluation import (
    Outcomes,
    auc,
    bootstrap,
    calibration_error,
    design_effect,
    evaluate,
    figure_of,
    log_loss,
    reliability,
    right,
    share_right,
)


def _labels(count: int = 40, *, seed: int = 1) -> Outcomes:
    dice = np.random.default_rng(seed)
    margins = np.round(dice.normal(size=count), 1)
    return Outcomes(margins, (dice.random(count) < 0.4).astype(float), dice.integers(0, 8, count))


def _pairs(count: int = 30, *, seed: int = 1) -> Outcomes:
    rewards = np.round(np.random.default_rng(seed).normal(size=(2, count)), 1)
    return Outcomes(rewards[0] - rewards[1], np.ones(count), np.arange(count), pairs=True, rewards=rewards)


def _slow_auc(liked: Iterable[float], disliked: Iterable[float]) -> float:
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a, b in product(liked, disliked)]
    return sum(wins) / len(wins)


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    one = _labels()
    liked, disliked = one.margins[one.labels > 0.5], one.margins[one.labels < 0.5]
    assert auc(one, np.ones(40)) == pytest.approx(_slow_auc(list(liked), list(disliked)))
    counts = np.arange(40) % 3
    many_liked, many_disliked = (
        list(np.repeat(one.margins, counts * (one.labels == label))) for label in (1, 0)
    )
    assert auc(one, counts.astype(float)) == pytest.approx(_slow_auc(many_liked, many_disliked))


def test_auc_of_pairs_is_over_all_answers() -> None:
    one = _pairs()
    assert one.rewards is not None
    assert auc(one, np.ones(30)) == pytest.approx(_slow_auc(list(one.rewards[0]), list(one.rewards[1])))


def test_auc_of_one_label_is_no_number() -> None:
    one = _labels()._replace(labels=np.ones(40))
    assert np.isnan(auc(one, np.ones(40)))


def test_what_a_model_does_not_know_is_half_right() -> None:
    one = Outcomes(np.array([1.0, -1.0, 0.0, 2.0]), np.array([1.0, 1.0, 1.0, 0.0]), np.arange(4))
    assert right(one).tolist() == [1, 0, 0.5, 0]
    assert right(one._replace(labels=np.ones(4), pairs=True)).tolist() == [1, 0, 0.5, 1]


def test_log_loss_of_knowing_nothing() -> None:
    assert log_loss(_labels()._replace(margins=np.zeros(40)), np.ones(40)) == pytest.approx(np.log(2))


def test_calibration_error_by_hand() -> None:
    """Of 0.25 half are liked and of 0.85 all: 0.5 * 0.25 + 0.5 * 0.15."""
    odds = [np.log(p / (1 - p)) for p in (0.25, 0.25, 0.85, 0.85)]
    one = Outcomes(np.array(odds), np.array([1.0, 0.0, 1.0, 1.0]), np.arange(4))
    assert calibration_error(one, np.ones(4)) == pytest.approx(0.2)
    assert [tenth.rows for tenth in reliability(one, np.ones(4))] == [2, 2]


def test_a_pair_counts_in_both_orders() -> None:
    one = Outcomes(np.array([np.log(3.0)]), np.ones(1), np.arange(1), pairs=True)
    low, high = reliability(one, np.ones(1))
    assert (low.share, high.share) == (0.0, 1.0)
    assert [low.mean_probability, high.mean_probability] == pytest.approx([0.25, 0.75])


def test_rows_that_are_the_same_thing_count_once() -> None:
    hits, groups = np.array([1.0, 0.0, 1.0, 1.0] * 10), np.arange(40)
    one = share_right(hits, groups)
    assert design_effect(hits, groups) == pytest.approx(40 / 39, abs=1e-9)
    thrice = share_right(np.repeat(hits, 3), np.repeat(groups, 3))
    assert [thrice.low, thrice.high] == pytest.approx([one.low, one.high], abs=1e-5)
    assert share_right(np.repeat(hits, 3), np.arange(120)).low > one.low + 0.02


@pytest.mark.parametrize("size", [1, 4], ids=["alone", "in_groups"])
def test_the_interval_of_the_accuracy_holds_the_truth(size: int) -> None:
    """95 % of intervals do, also where the rows of a group resemble each other."""
    dice, held = np.random.default_rng(3), 0
    for _ in range(400):
        hard = np.repeat(dice.beta(1.2, 0.8, 60), size)
        hits = (dice.random(60 * size) < hard).astype(float)
        figure = share_right(hits, np.repeat(np.arange(60), size))
        held += figure.low <= 0.6 <= figure.high
    assert 0.92 <= held / 400 <= 0.985


def test_the_bootstrap_draws_groups_and_not_rows() -> None:
    dice = np.random.default_rng(4)
    margins, labels = dice.normal(size=30), (dice.random(30) < 0.5).astype(float)
    few = Outcomes(np.repeat(margins, 10), np.repeat(labels, 10), np.repeat(np.arange(30), 10))
    many = few._replace(groups=np.arange(300))
    wide, narrow = (figure_of(one, "auc", 0) for one in (few, many))
    assert wide.value == narrow.value
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_the_same_seed_gives_the_same_figures() -> None:
    assert evaluate(_labels(), 5) == evaluate(_labels(), 5)
    assert evaluate(_labels(), 5) != evaluate(_labels(), 6)


def test_every_figure_lies_in_its_interval() -> None:
    for one in (_labels(), _pairs(), _labels(12, seed=3)):
        for figure in evaluate(one, 0).values():
            assert figure.low <= figure.value <= figure.high


def test_samples_without_both_labels_are_left_out() -> None:
    one = Outcomes(np.array([1.0, -1.0, 0.5]), np.array([1.0, 0.0, 0.0]), np.arange(3))
    figure = bootstrap(one, {"auc": auc}, 0)["auc"]
    assert (figure.value, figure.high) == (1.0, 1.0)
