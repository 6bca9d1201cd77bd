"""From examples to a head: what is learned, what is not, and baselines beside it."""

import numpy as np
import pytest
from plaudit_consumers.training import learning
from plaudit_consumers.training.baselines import baselines, lead
from plaudit_consumers.training.calibration import calibrate_labels, calibrate_pairs
from plaudit_consumers.training.evaluation import accuracy, auc, figure_of, right
from plaudit_consumers.training.examples import Examples, InputText
from plaudit_consumers.training.heads import Floats, Matrix, sigmoid
from plaudit_consumers.training.judging import judge
from plaudit_consumers.training.learning import learn, outcomes_of, probabilities
from plaudit_consumers.training.learning_curve import Embedded
from plaudit_consumers.training.report import judged_by, table, verdict

_DIMENSIONS = 8
_TRUTH = np.linspace(-1.5, 1.5, _DIMENSIONS)


def _made(count: int, *, pairs: bool, seed: int, length: float = 0.0) -> Embedded:
    """Examples of a known taste. `length` is how much longer liked answers are."""
    dice = np.random.default_rng(seed)
    number = 2 * count if pairs else count
    vectors = dice.normal(size=(number, _DIMENSIONS)).astype(np.float32)
    rewards = vectors @ _TRUTH
    lengths = np.exp(dice.normal(4, 0.5, number) + length * rewards)
    inputs = tuple(InputText(str(k), int(lengths[k]) + 1) for k in range(number))
    groups, ones = dice.integers(0, count // 2, count), np.ones(count)
    first, second = np.arange(count), np.arange(count) + count
    if not pairs:
        labels = dice.random(count) < sigmoid(rewards + 1)
        return Embedded(Examples(inputs, first, None, labels, ones, groups), vectors)
    wins = dice.random(count) < sigmoid(rewards[first] - rewards[second])
    chosen, rejected = np.where(wins, first, second), np.where(wins, second, first)
    return Embedded(Examples(inputs, chosen, rejected, wins | True, ones, groups), vectors)


def _shuffled(judged: Embedded, seed: int) -> Embedded:
    return judged._replace(examples=judged.examples.shuffled(seed))


@pytest.mark.parametrize("pairs", [True, False], ids=["of_pairs", "of_labels"])
def test_a_taste_is_learned_and_its_probabilities_are_right(pairs: bool) -> None:
    known, unseen = _made(800, pairs=pairs, seed=1), _made(400, pairs=pairs, seed=2)
    learned = learn(known.examples, known.vectors, 0)
    report = judge("any", known, unseen, learned, 0, shuffled=False)
    assert np.corrcoef(learned.head.weights, _TRUTH)[0, 1] > 0.98
    assert report.better_than_chance
    assert report.figures["calibration_error"].value < 0.06
    assert report.lead[1] > 0
    assert [point.rows for point in report.curve] == sorted(point.rows for point in report.curve)
    assert report.curve[-1].rows == 800
    assert report.curve[-1].figure == report.figures[report.judged_by]
    assert table(report)[0][1:] == ["accuracy", "AUC", "log-loss", "calibration error"]
    assert "better than the length alone" in verdict(report)[1]


@pytest.mark.slow
@pytest.mark.parametrize("pairs", [True, False], ids=["of_pairs", "of_labels"])
def test_labels_of_chance_are_not_learned(pairs: bool) -> None:
    """With twenty seeds none may pass: both intervals lie above chance once in 1,600 times."""
    known, unseen = _made(300, pairs=pairs, seed=3), _made(150, pairs=pairs, seed=4)
    for seed in range(20):
        one, other = _shuffled(known, seed), _shuffled(unseen, seed + 100)
        learned = learn(one.examples, one.vectors, seed)
        said = outcomes_of(other.examples, learned.head.rewards(other.vectors), learned.calibration)
        by = judged_by(said)
        passed = figure_of(said, by, 0).low > 0.5 and figure_of(learned.cross_validated, by, 0).low > 0.5
        assert not passed, seed


def test_shuffling_keeps_the_rows_and_the_share_of_likes() -> None:
    labels = _made(200, pairs=False, seed=5).examples
    shuffled = labels.shuffled(1)
    assert shuffled.labels.sum() == labels.labels.sum()
    assert not np.array_equal(shuffled.labels, labels.labels)
    pairs = _made(200, pairs=True, seed=5).examples
    turned = pairs.shuffled(1)
    assert turned.second is not None
    assert pairs.second is not None
    assert np.array_equal(turned.first + turned.second, pairs.first + pairs.second)
    assert 60 < np.sum(turned.first != pairs.first) < 140


def test_what_a_group_has_in_common_is_not_taken_for_knowledge() -> None:
    """Each group has a vector and a label of its own: its rows tell of each other, and of nothing else."""
    dice = np.random.default_rng(6)
    of_group, labels = dice.normal(size=(60, 30)), dice.random(60) < 0.5
    groups = np.repeat(np.arange(60), 8)
    vectors = (of_group[groups] + dice.normal(0, 0.05, (480, 30))).astype(np.float32)
    inputs = tuple(InputText(str(k), 10) for k in range(480))
    examples = Examples(inputs, np.arange(480), None, labels[groups], np.ones(480), groups)
    learned = learn(examples, vectors, 0)
    assert learned.l2 >= 3  # folds of single rows choose the weakest
    assert figure_of(learned.cross_validated, "auc", 0).low < 0.5


def test_of_many_rows_a_sample_of_groups_chooses_the_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_TRIED_ROWS", 200)
    known = _made(800, pairs=False, seed=1)
    learned = learn(known.examples, known.vectors, 0)
    assert 200 <= len(learned.cross_validated.labels) < 230
    assert np.corrcoef(learned.head.weights, _TRUTH)[0, 1] > 0.98


def _calibration_rows(slope: float) -> tuple[Floats, Floats]:
    dice = np.random.default_rng(7)
    rewards = dice.normal(size=20_000)
    return rewards, (dice.random(20_000) < sigmoid(slope * rewards + 0.7)).astype(float)


def test_calibration_finds_slope_and_intercept() -> None:
    rewards, labels = _calibration_rows(2.0)
    found = calibrate_labels(rewards, labels, np.ones(20_000))
    assert (found.slope, found.intercept) == pytest.approx((2.0, 0.7), abs=0.1)


def test_a_model_that_is_wrong_is_not_turned_round() -> None:
    rewards, labels = _calibration_rows(-2.0)
    found = calibrate_labels(rewards, labels, np.ones(20_000))
    assert 0 < found.slope < 0.01
    assert probabilities(rewards, found).mean() == pytest.approx(labels.mean(), abs=0.01)
    assert 0 < calibrate_pairs(-np.ones(50), np.ones(50), 3.0).slope < 0.01


def test_of_pairs_the_average_answer_has_one_half() -> None:
    found = calibrate_pairs(np.random.default_rng(8).normal(1, 1, 500), np.ones(500), 3.0)
    assert probabilities(np.array([3.0]), found)[0] == pytest.approx(0.5, abs=1e-4)
    assert probabilities(np.array([4.0]), found)[0] > 0.6


@pytest.mark.slow
@pytest.mark.parametrize("sign", [1, -1], ids=["long_ones_liked", "short_ones_liked"])
@pytest.mark.parametrize("pairs", [True, False], ids=["of_pairs", "of_labels"])
def test_the_length_finds_out_which_way_it_counts(pairs: bool, sign: int) -> None:
    known = _made(500, pairs=pairs, seed=1, length=sign * 0.5)
    unseen = _made(400, pairs=pairs, seed=2, length=sign * 0.5)
    found = baselines(known.examples, unseen.examples)
    longer, length = (figure_of(found[name], "auc", 0).value for name in ("longer_answer", "length"))
    assert length > 0.65
    assert (longer > 0.6) if sign > 0 else (longer < 0.4)


def test_baselines_that_know_nothing() -> None:
    known, unseen = _made(300, pairs=False, seed=1), _made(200, pairs=False, seed=2)
    found = baselines(known.examples, unseen.examples)
    assert right(found["majority"]).mean() == pytest.approx(unseen.examples.labels.mean())
    assert "majority" not in baselines(*(_made(300, pairs=True, seed=seed).examples for seed in (1, 2)))


def test_the_lead_is_over_the_same_rows() -> None:
    unseen = _made(300, pairs=False, seed=2)
    said = outcomes_of(unseen.examples, np.asarray(unseen.vectors @ _TRUTH), learn(*unseen, 0).calibration)
    assert lead(said, said, auc, 0) == (0, 0, 0)
    other = said._replace(margins=-said.margins)
    value, low, high = lead(said, other, accuracy, 0)
    assert value == pytest.approx(accuracy(said, np.ones(300)) - accuracy(other, np.ones(300)), abs=1e-6)
    assert low < value < high


def test_vectors_are_not_changed() -> None:
    known = _made(100, pairs=True, seed=1)
    before: Matrix = known.vectors.copy()
    learn(known.examples, known.vectors, 0)
    assert np.array_equal(before, known.vectors)
