"""Dawid and Skene's model: the true label of each item, and how far to trust each rater. Pure.

Dawid and Skene, Maximum likelihood estimation of observer error-rates using the EM algorithm (1979). Each
rater has a matrix of errors: how often it says one label where another is true. It is learned from what
raters say of the same items; nobody needs to know the truth. The votes may come in batches from the disk: the
memory holds the raters' matrices and one batch.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

RIGHT: Final = 3.0
"""Votes that each rater is taken to have given beforehand where a label is true: so many are right..."""
WRONG: Final = 1.0
"""... and so many are wrong, over all other labels. One who said little is taken for such a rater."""
_TOLERANCE: Final = 1e-6
_ITERATIONS: Final = 500


class VoteBatch(NamedTuple):
    """All votes on some items; the arrays have one number for each vote.

    Attributes:
        items: numbers of items in this batch, from 0 on, each with a vote.
        raters, labels: numbers of raters and of labels, in all batches the same.
    """

    items: Integers
    raters: Integers
    labels: Integers


class RaterModel(NamedTuple):
    """What is believed of the raters.

    Attributes:
        prior: how often each label is true; shape [labels], as all that follow it adds up to 1.
        errors: how often a rater says a label; shape [raters, true labels, said labels].
        iterations: steps of EM.
        converged: whether the last step changed no number by more than 1e-6. If not, the posteriors are those
            of the last step.
    """

    prior: Floats
    errors: Floats
    iterations: int
    converged: bool

    def posteriors(self, votes: VoteBatch) -> Floats:
        """How likely each label is the true one; shape [items of the batch, labels]."""
        found: Floats = np.exp(_log_posteriors(votes, np.log(self.prior), np.log(self.errors)))
        return found

    def skill(self) -> Floats:
        """How often each rater is right; shape [raters]."""
        found: Floats = np.einsum("t,rtt->r", self.prior, self.errors)
        return found


def fit_raters(
    batches: Callable[[], Iterable[VoteBatch]],
    raters: int,
    labels: int,
    *,
    right: float = RIGHT,
    wrong: float = WRONG,
    iterations: int = _ITERATIONS,
) -> RaterModel:
    """Fit the model by EM, from the shares of the votes on. The same votes give the same numbers.

    Args:
        batches: gives all votes, each time in the same order; the votes on one item are in one batch.
        raters, labels: how many there are.
        right, wrong: the votes that stand before those of each rater (a Dirichlet prior), both above 0. Each
            true label has one such vote too.
        iterations: the most steps.

    Raises:
        ValueError: a rater or a label is out of range, or there are fewer than two labels.
    """
    if labels < 2:
        raise ValueError("there must be at least two labels")
    smoothing = np.full((labels, labels), wrong / (labels - 1))
    np.fill_diagonal(smoothing, right)
    first = RaterModel(np.full(labels, 1 / labels), _shares(np.tile(smoothing, (raters, 1, 1))), 0, False)
    model = _step(batches, first, smoothing, _vote_shares)
    for _ in range(1, iterations):
        if model.converged:
            break
        model = _step(batches, model, smoothing, None)
    return model


def _step(
    batches: Callable[[], Iterable[VoteBatch]],
    model: RaterModel,
    smoothing: Floats,
    truth_of: Callable[[VoteBatch, int], Floats] | None,
) -> RaterModel:
    """One step of EM: what is true by the model, and the model by what is true."""
    raters, labels, _ = model.errors.shape
    # In place: the matrices of many raters are the largest thing here.
    errors = np.tile(smoothing, (raters, 1, 1))
    prior = np.ones(labels)
    logs = np.log(model.prior), np.log(model.errors)
    for votes in batches():
        _check(votes, raters, labels)
        truth = np.exp(_log_posteriors(votes, *logs)) if truth_of is None else truth_of(votes, labels)
        prior += truth.sum(axis=0)
        for label in range(labels):
            np.add.at(errors[:, label], (votes.raters, votes.labels), truth[votes.items, label])
    prior /= prior.sum()
    errors = _shares(errors)
    change = max(_largest(prior, model.prior), _largest(errors, model.errors))
    return RaterModel(prior, errors, model.iterations + 1, change <= _TOLERANCE)


def _vote_shares(votes: VoteBatch, labels: int) -> Floats:
    found = np.zeros((_items(votes), labels))
    np.add.at(found, (votes.items, votes.labels), 1.0)
    return _shares(found)


def _log_posteriors(votes: VoteBatch, prior: Floats, errors: Floats) -> Floats:
    found = np.tile(prior, (_items(votes), 1))
    np.add.at(found, votes.items, errors[votes.raters, :, votes.labels])
    found -= found.max(axis=1, keepdims=True)
    found -= np.log(np.exp(found).sum(axis=1, keepdims=True))
    return found


def _items(votes: VoteBatch) -> int:
    return int(votes.items.max(initial=-1)) + 1


def _shares(counts: Floats) -> Floats:
    counts /= counts.sum(axis=-1, keepdims=True)
    return counts


def _largest(one: Floats, other: Floats) -> float:
    return float(np.abs(one - other).max(initial=0.0))


def _check(votes: VoteBatch, raters: int, labels: int) -> None:
    ends: Sequence[tuple[str, Any, int]] = (("rater", votes.raters, raters), ("label", votes.labels, labels))
    for name, numbers, end in ends:
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < end:
            raise ValueError(f"a {name} is not in 0 to {end - 1}")
