"""Dawid and Skene's model, beside a slow form of the paper's equations, and on edges."""

import itertools
import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from plaudit_schemas.statistics.dawid_skene import RIGHT, WRONG, RaterModel, VoteBatch, fit_raters

Vote = tuple[int, int, int]
"""Item, rater, label."""
Errors = dict[tuple[int, int, int], float]
"""Rater, true label, said label -> how often."""


def batch(votes: Iterable[Vote]) -> VoteBatch:
    items, raters, labels = np.array(list(votes), int).reshape(-1, 3).T
    return VoteBatch(items, raters, labels)


def fit(votes: list[Vote], raters: int, labels: int, **more: Any) -> RaterModel:
    return fit_raters(lambda: [batch(votes)], raters, labels, **more)


def simulated(seed: int, *, items: int = 400, labels: int = 3, skills: tuple[float, ...]) -> Any:
    """Votes on items, each by most raters, who are right as often as `skills` says; and the truth."""
    random = np.random.default_rng(seed)
    truth = random.choice(labels, items, p=np.array([3, *[1] * (labels - 1)]) / (labels + 2))
    votes = [
        (item, rater, int(true if random.random() < skill else random.integers(labels)))
        for item, true in enumerate(truth)
        for rater, skill in enumerate(skills)
        if random.random() < 0.7 or rater == item % len(skills)
    ]
    return votes, truth


def textbook(votes: list[Vote], raters: int, labels: int, steps: int) -> tuple[Any, Any]:
    """The paper's EM with the votes of the prior, one sum at a time."""
    items = range(1 + max(item for item, _, _ in votes))
    of_item = [[(rater, label) for each, rater, label in votes if each == item] for item in items]
    truth = [[sum(said == j for _, said in each) / len(each) for j in range(labels)] for each in of_item]
    prior, errors = _maximized(truth, votes, raters, labels)
    for _ in range(1, steps):
        truth = [_expected(each, prior, errors) for each in of_item]
        prior, errors = _maximized(truth, votes, raters, labels)
    table = [[[errors[r, j, said] for said in range(labels)] for j in range(labels)] for r in range(raters)]
    return np.array(prior), np.array(table)


def _expected(said: list[tuple[int, int]], prior: list[float], errors: Errors) -> list[float]:
    """Equation 2.5: how likely each label is true of an item."""
    likely = [
        prior[j] * math.prod(errors[rater, j, label] for rater, label in said) for j in range(len(prior))
    ]
    return [each / sum(likely) for each in likely]


def _maximized(
    truth: list[list[float]], votes: list[Vote], raters: int, labels: int
) -> tuple[list[float], Errors]:
    """Equations 2.3 and 2.4: how often a rater says a label where another is true, and each label's share."""
    errors: Errors = {}
    for rater, true in itertools.product(range(raters), range(labels)):
        counts = [RIGHT if said == true else WRONG / (labels - 1) for said in range(labels)]
        for item, _, label in (vote for vote in votes if vote[1] == rater):
            counts[label] += truth[item][true]
        for label in range(labels):
            errors[rater, true, label] = counts[label] / sum(counts)
    prior = [(1 + sum(each[j] for each in truth)) / (labels + len(truth)) for j in range(labels)]
    return prior, errors


@pytest.mark.parametrize("labels", [2, 4], ids=["two labels", "four labels"])
@pytest.mark.parametrize("steps", [1, 2, 7], ids=["first step", "second step", "seventh step"])
def test_each_step_is_that_of_the_paper(labels: int, steps: int) -> None:
    votes, _ = simulated(1, items=60, labels=labels, skills=(0.9, 0.6, 0.3, 0.8))
    found = fit(votes, 4, labels, iterations=steps)
    prior, errors = textbook(votes, 4, labels, steps)
    assert found.iterations == steps
    assert found.prior == pytest.approx(prior, abs=1e-10)
    assert found.errors == pytest.approx(errors, abs=1e-10)


def test_it_finds_how_good_each_rater_is_and_beats_the_majority() -> None:
    skills = (0.95, 0.9, 0.3, 0.2, 0.1)
    votes, truth = simulated(2, items=2000, labels=2, skills=skills)
    model = fit(votes, len(skills), 2)
    assert model.converged
    expected = [skill + (1 - skill) / 2 for skill in skills]
    assert model.skill() == pytest.approx(expected, abs=0.05)
    shares = np.zeros((len(truth), 2))
    np.add.at(shares, (batch(votes).items, batch(votes).labels), 1)
    ours = (model.posteriors(batch(votes)).argmax(axis=1) == truth).mean()
    majority = (shares.argmax(axis=1) == truth).mean()
    assert ours > 0.94
    assert majority < 0.88


def test_batches_give_the_numbers_of_the_whole() -> None:
    votes, _ = simulated(3, items=90, skills=(0.9, 0.7, 0.5))
    parts = [
        batch((vote[0] - start, *vote[1:]) for vote in votes if start <= vote[0] < start + 30)
        for start in (0, 30, 60)
    ]
    whole, split = fit(votes, 3, 3), fit_raters(lambda: parts, 3, 3)
    assert split.iterations == whole.iterations
    assert split.errors == pytest.approx(whole.errors, abs=1e-9)
    posteriors = np.concatenate([split.posteriors(part) for part in parts])
    assert posteriors == pytest.approx(whole.posteriors(batch(votes)), abs=1e-9)


def test_the_same_votes_give_the_same_bits() -> None:
    votes, _ = simulated(4, skills=(0.9, 0.7, 0.5))
    assert fit(votes, 3, 3).errors.tobytes() == fit(votes, 3, 3).errors.tobytes()


def test_it_says_when_it_did_not_converge() -> None:
    votes, _ = simulated(5, skills=(0.9, 0.7, 0.5))
    assert not fit(votes, 3, 3, iterations=2).converged


@pytest.mark.parametrize(
    ("votes", "posteriors"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([(0, 0, 1)], [1], id="one vote"),
        pytest.param([(0, 0, 1), (1, 0, 0), (2, 0, 1)], [1, 0, 1], id="one rater"),
        pytest.param([(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)], [0, 0], id="one label"),
    ],
)
def test_on_edges_votes_are_taken_as_they_are(votes: list[Vote], posteriors: list[int]) -> None:
    model = fit(votes, 2, 2)
    assert model.converged
    found = model.posteriors(batch(votes))
    assert np.isfinite(found).all()
    assert found.argmax(axis=1).tolist() == posteriors


def test_a_tie_of_raters_about_whom_nothing_is_known_stays_one() -> None:
    model = fit([(0, 0, 0), (0, 1, 1)], 2, 2)
    assert model.posteriors(batch([(0, 0, 0), (0, 1, 1)]))[0] == pytest.approx([0.5, 0.5])


def test_many_raters_of_one_vote_each_are_a_majority() -> None:
    votes = [(item, item * 5 + each, int(each > 1)) for item in range(20) for each in range(5)]
    assert fit(votes, 100, 2).posteriors(batch(votes)).argmax(axis=1).tolist() == [1] * 20


@pytest.mark.parametrize(
    ("vote", "message"),
    [
        pytest.param((0, 2, 0), "a rater is not in 0 to 1", id="an unknown rater"),
        pytest.param((0, 0, 5), "a label is not in 0 to 1", id="an unknown label"),
        pytest.param((0, 0, -1), "a label is not in 0 to 1", id="a negative label"),
    ],
)
def test_numbers_out_of_range_are_refused(vote: Vote, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit([vote], 2, 2)


def test_one_label_alone_is_refused() -> None:
    with pytest.raises(ValueError, match="at least two labels"):
        fit([], 1, 1)
