"""From examples and their vectors to a head that is calibrated. Pure."""

from operator import itemgetter
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from plaudit_schemas.models.manifest import Calibration

from plaudit_consumers.training.calibration import calibrate_labels, calibrate_pairs
from plaudit_consumers.training.evaluation import Outcomes
from plaudit_consumers.training.examples import Examples, Flags
from plaudit_consumers.training.heads import Floats, Head, Labelled, Matrix, fit_head, log_losses, sigmoid

PENALTIES: Final = (100.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
"""Strengths of the L2 penalty that are tried, strongest first: each fit begins where the one before ended."""
FOLDS: Final = 5
_WORSE: Final = 2
MOST_TRIED_ROWS: Final = 20_000
"""The penalty is chosen on so many rows at most. More of them say the same, but slower."""


class Learned(NamedTuple):
    """What came of the learning rows.

    Attributes:
        cross_validated: what heads said of the rows that they were not fitted to.
    """

    head: Head
    l2: float
    calibration: Calibration
    cross_validated: Outcomes


def learn(examples: Examples, vectors: Matrix, seed: int) -> Learned:
    """Choose the penalty by cross-validation over groups, calibrate on it, then fit to all rows.

    Args:
        vectors: of each of `examples.inputs`.
    """
    tried = examples.only(_sample(examples, seed))
    l2, margins = _choose(tried, vectors, seed)
    rows = labelled(examples, vectors)
    head = fit_head(rows, l2, intercept=examples.second is None).rounded()
    if examples.second is None:
        calibration = calibrate_labels(margins, rows_labels(tried), tried.weights)
    else:
        answers = np.concatenate([examples.first, examples.second])
        centre = float(head.rewards(vectors[answers]).mean())
        calibration = calibrate_pairs(margins, tried.weights, centre)
    cross = Outcomes(
        margins=calibration.slope * margins + (calibration.intercept if examples.second is None else 0.0),
        labels=rows_labels(tried),
        groups=tried.groups,
        pairs=examples.second is not None,
    )
    return Learned(head, l2, calibration, cross)


def labelled(examples: Examples, vectors: Matrix) -> Labelled:
    """What a head is fitted to: the vectors of answers, or the differences of those of pairs."""
    features = vectors[examples.first]
    if examples.second is not None:
        features = features - vectors[examples.second]
    return Labelled(features, rows_labels(examples), examples.weights)


def outcomes_of(examples: Examples, rewards: Floats, calibration: Calibration) -> Outcomes:
    """What a model says of examples.

    Args:
        rewards: of each of `examples.inputs`.
    """
    first = rewards[examples.first]
    if examples.second is None:
        margins = calibration.slope * first + calibration.intercept
        return Outcomes(margins, rows_labels(examples), examples.groups)
    second = rewards[examples.second]
    return Outcomes(
        margins=calibration.slope * (first - second),
        labels=rows_labels(examples),
        groups=examples.groups,
        pairs=True,
        rewards=np.stack([first, second]),
    )


def probabilities(rewards: Floats, calibration: Calibration) -> Floats:
    """The probability that belongs to each reward."""
    return sigmoid(calibration.slope * rewards + calibration.intercept)


def rows_labels(examples: Examples) -> Floats:
    """The labels as numbers."""
    return examples.labels.astype(np.float64)


def in_random_order(groups: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """For each row the place of its group, when the groups are in random order."""
    _, numbers = np.unique(groups, return_inverse=True)
    places = np.random.default_rng(seed).permutation(int(numbers.max(initial=-1)) + 1)
    return np.asarray(places[numbers], dtype=np.int64)


def _sample(examples: Examples, seed: int) -> Flags:
    """Rows of whole groups, until there are enough."""
    places = in_random_order(examples.groups, seed)
    rows_before = np.cumsum(np.bincount(places)) - np.bincount(places)
    return np.asarray(rows_before[places] < MOST_TRIED_ROWS, dtype=np.bool_)


def _choose(examples: Examples, vectors: Matrix, seed: int) -> tuple[float, Floats]:
    """The penalty with the lowest log-loss, and the margins that it gave to rows which were left out."""
    rows = labelled(examples, vectors)
    folds = in_random_order(examples.groups, seed) % FOLDS
    heads: list[Head | None] = [None] * FOLDS
    found: list[tuple[float, float, Floats]] = []
    for l2 in PENALTIES:
        margins = np.zeros(len(examples))
        for fold in range(FOLDS):
            left_out = folds == fold
            heads[fold] = head = fit_head(
                rows.only(~left_out), l2, intercept=examples.second is None, start=heads[fold]
            )
            margins[left_out] = head.rewards(rows.features[left_out])
        found.append((float(rows.weights @ log_losses(margins, rows.labels)), l2, margins))
        # Weaker penalties only lead further away from the best one.
        losses = [loss for loss, _, _ in found]
        if len(losses) - 1 - losses.index(min(losses)) >= _WORSE:
            break
    _, best, margins = min(found, key=itemgetter(0))
    return best, margins
