"""Heads: the maximum of the likelihood, weights of rows, and data on which naive fits diverge."""

import numpy as np
import pytest
from plaudit_consumers.training import heads
from plaudit_consumers.training.heads import Head, Labelled, fit_head, log_losses, sigmoid, significant


def _rows(count: int = 400, *, seed: int = 1, dimensions: int = 5) -> Labelled:
    dice = np.random.default_rng(seed)
    features = dice.normal(size=(count, dimensions)).astype(np.float32)
    truth = np.linspace(-2, 2, dimensions)
    labels = (dice.random(count) < sigmoid(features @ truth + 0.5)).astype(np.float64)
    return Labelled(features, labels, dice.uniform(0.2, 2, count))


def _loss(rows: Labelled, head: Head, l2: float) -> float:
    """The penalised loss, written apart."""
    margins = rows.features.astype(float) @ head.weights + head.intercept
    data = np.sum(rows.weights * -np.log(np.where(rows.labels > 0.5, sigmoid(margins), sigmoid(-margins))))
    scale = np.mean(rows.features.astype(float) ** 2) * rows.weights.sum()
    return float(data + l2 * scale * np.sum(head.weights**2) / 2)


@pytest.mark.parametrize("intercept", [True, False], ids=["with_intercept", "without_intercept"])
@pytest.mark.parametrize("l2", [0.01, 1.0], ids=["weak", "strong"])
def test_no_other_head_near_by_is_better(intercept: bool, l2: float) -> None:
    rows = _rows()
    head = fit_head(rows, l2, intercept=intercept)
    best, dice = _loss(rows, head, l2), np.random.default_rng(2)
    assert (head.intercept != 0) is intercept
    for _ in range(50):
        moved = Head(
            head.weights + dice.normal(0, 0.01, 5), head.intercept + intercept * dice.normal(0, 0.01)
        )
        assert _loss(rows, moved, l2) > best


def test_a_row_of_weight_two_is_two_rows() -> None:
    rows = _rows(60)
    once = Labelled(rows.features, rows.labels, np.full(60, 2.0))
    twice = Labelled(np.vstack([rows.features, rows.features]), np.tile(rows.labels, 2), np.ones(120))
    assert fit_head(once, 0.1, intercept=True).weights == pytest.approx(
        fit_head(twice, 0.1, intercept=True).weights, abs=1e-5
    )


def test_a_row_of_no_weight_is_none() -> None:
    rows = _rows(60)
    odd = Labelled(rows.features, np.where(np.arange(60) < 20, 1 - rows.labels, rows.labels), rows.weights)
    weights = np.where(np.arange(60) < 20, 0.0, 1.0)
    # The scale of the penalty is that of all features, so rows that differ in nothing else are compared.
    one = fit_head(Labelled(rows.features, rows.labels, weights), 0.1, intercept=True)
    other = fit_head(Labelled(rows.features, odd.labels, weights), 0.1, intercept=True)
    assert one.weights == pytest.approx(other.weights, abs=1e-5)


def test_pairs_turned_round_give_the_head_turned_round() -> None:
    rows = _rows()
    ones = np.ones(len(rows.labels))
    there = fit_head(Labelled(rows.features, ones, ones), 0.3, intercept=False)
    back = fit_head(Labelled(-rows.features, ones, ones), 0.3, intercept=False)
    assert back.weights == pytest.approx(-there.weights, abs=1e-6)


def test_rows_in_chunks_are_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_head(_rows(), 0.1, intercept=True)
    monkeypatch.setattr(heads, "_CHUNK_ROWS", 7)
    parts = fit_head(_rows(), 0.1, intercept=True)
    assert parts.weights == pytest.approx(whole.weights, abs=1e-5)
    assert parts.rounded().weights == pytest.approx(whole.rounded().weights, rel=1e-3)


def test_where_a_fit_begins_does_not_matter() -> None:
    cold = fit_head(_rows(), 0.1, intercept=True)
    warm = fit_head(_rows(), 0.1, intercept=True, start=Head(np.full(5, 3.0), -4.0))
    assert warm.weights == pytest.approx(cold.weights, abs=1e-5)


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (np.array([[-1.0], [-2.0], [1.0], [2.0]]), [0, 0, 1, 1]),
        (np.array([[1e6], [-1e6], [1e6], [-1e6]]), [1, 0, 1, 0]),
        (np.zeros((4, 1)), [0, 1, 1, 1]),
        (np.ones((4, 1)), [1, 1, 1, 1]),
    ],
    ids=["separable", "huge", "all_zero", "one_label"],
)
def test_odd_rows_give_finite_heads(features: np.ndarray, labels: list[int]) -> None:
    rows = Labelled(features.astype(np.float32), np.array(labels, dtype=float), np.ones(4))
    head = fit_head(rows, 0.003, intercept=True)
    assert np.all(np.isfinite(head.rewards(rows.features)))
    assert log_losses(head.rewards(rows.features), rows.labels).mean() <= np.log(2) + 1e-9


def test_numbers_with_six_digits() -> None:
    assert (significant(0.123456789), significant(-1234567.8), significant(0.0)) == (
        0.123457,
        -1234570.0,
        0.0,
    )


def test_probabilities_and_losses_of_extreme_margins() -> None:
    margins = np.array([-1000.0, 0.0, 1000.0])
    assert sigmoid(margins).tolist() == [0.0, 0.5, 1.0]
    assert log_losses(margins, np.array([0.0, 1.0, 0.0])).tolist() == [0.0, pytest.approx(np.log(2)), 1000.0]
