"""The head of a scorer: logistic regression on an encoder's vectors, by Newton's method. Pure.

A head on differences of two vectors, without an intercept, is Bradley and Terry's model of paired
comparisons (Biometrika 39, 1952): the first answer wins with the probability sigmoid(reward of the first -
reward of the second).
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

_STEPS: Final = 50
_HALVINGS: Final = 30
_CONVERGED: Final = 1e-8
_CHUNK_ROWS: Final = 8192
# Keeps the intercept finite where all labels are the same.
_INTERCEPT_L2: Final = 1e-6


class Head(NamedTuple):
    """A linear function of a vector: reward = weights . vector + intercept."""

    weights: Floats
    intercept: float = 0.0

    def rewards(self, features: Matrix) -> Floats:
        """The reward of each row of `features` [rows, dimensions]."""
        return np.asarray(features @ self.weights + self.intercept, dtype=np.float64)

    def rounded(self) -> "Head":
        """The head with few digits, so that the order of sums in threads changes no byte."""
        weights = np.array([significant(float(weight)) for weight in self.weights])
        return Head(weights, significant(self.intercept))


class Labelled(NamedTuple):
    """What a head is fitted to.

    Attributes:
        features: [rows, dimensions].
        labels: 0 or 1.
        weights: how much each row counts; at least 0.
    """

    features: Matrix
    labels: Floats
    weights: Floats

    def only(self, rows: NDArray[np.bool_]) -> "Labelled":
        """Some of the rows."""
        return Labelled(self.features[rows], self.labels[rows], self.weights[rows])


def fit_head(rows: Labelled, l2: float, *, intercept: bool, start: Head | None = None) -> Head:
    """Fit a head by maximum likelihood with an L2 penalty on its weights.

    Args:
        l2: relative to the number of rows and to the mean square of the features, so that one value means the
            same for every encoder and every amount of rows.
        intercept: whether there is one. It is not penalised.
        start: where to begin, such as the fit for another `l2`.
    """
    dimensions = rows.features.shape[1]
    penalty = np.full(dimensions + intercept, l2 * _scale(rows))
    if intercept:
        penalty[-1] = _INTERCEPT_L2 * max(rows.weights.sum(), 1.0)
    found = _parameters(start, dimensions, intercept=intercept)
    loss = _loss(rows, found, penalty)
    for _ in range(_STEPS):
        gradient, hessian = _derivatives(rows, found, penalty)
        step = np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)
        gain = float(gradient @ step) / 2
        found, loss = _shortened(rows, found, step, penalty, loss)
        # What a step gains is about the square of what the one before gained.
        if gain <= _CONVERGED * (1 + loss):
            break
    return Head(found[:dimensions], float(found[-1]) if intercept else 0.0)


def log_losses(margins: Floats, labels: Floats) -> Floats:
    """The log-loss of each row, in nats, where `margins` are log odds."""
    return np.logaddexp(0.0, np.where(labels > 0.5, -margins, margins))


def significant(number: float) -> float:
    """A number with six significant digits."""
    return float(f"{number:.5e}")


def sigmoid(margins: Floats) -> Floats:
    """The probability of log odds."""
    return np.asarray(0.5 * (1 + np.tanh(margins / 2)), dtype=np.float64)


def _scale(rows: Labelled) -> float:
    squares = sum(float(np.sum(part.features.astype(np.float64) ** 2)) for part in _chunks(rows))
    return max(squares / max(rows.features.size, 1) * float(rows.weights.sum()), 1e-12)


def _parameters(start: Head | None, dimensions: int, *, intercept: bool) -> Floats:
    if start is None:
        return np.zeros(dimensions + intercept)
    return np.append(start.weights, start.intercept) if intercept else start.weights.copy()


def _margins(features: Matrix, parameters: Floats) -> Floats:
    dimensions = features.shape[1]
    margins = np.asarray(features @ parameters[:dimensions], dtype=np.float64)
    return margins + parameters[-1] if len(parameters) > dimensions else margins


def _loss(rows: Labelled, parameters: Floats, penalty: Floats) -> float:
    losses = sum(
        float(part.weights @ log_losses(_margins(part.features, parameters), part.labels))
        for part in _chunks(rows)
    )
    return losses + 0.5 * float(penalty @ parameters**2)


def _derivatives(rows: Labelled, parameters: Floats, penalty: Floats) -> tuple[Floats, Floats]:
    gradient, hessian = penalty * parameters, np.diag(penalty)
    for part in _chunks(rows):
        features = part.features
        if len(parameters) > features.shape[1]:
            features = np.hstack([features, np.ones((len(features), 1), dtype=np.float32)])
        likely = sigmoid(features @ parameters)
        gradient += (part.weights * (likely - part.labels)) @ features
        # In single precision, which is twice as fast: the gradient alone decides where the steps end.
        curvature = (part.weights * likely * (1 - likely)).astype(np.float32)
        hessian += features.T @ (features * curvature[:, None])
    return gradient, hessian


def _shortened(
    rows: Labelled, found: Floats, step: Floats, penalty: Floats, loss: float
) -> tuple[Floats, float]:
    """The parameters after a step that is halved until the loss falls, and their loss."""
    for halving in range(_HALVINGS):
        tried = found - step / 2**halving
        better = _loss(rows, tried, penalty)
        if better <= loss:
            return tried, better
    return found, loss


def _chunks(rows: Labelled) -> Iterator[Labelled]:
    """The rows in parts, so that copies in double precision stay small."""
    for first in range(0, len(rows.labels), _CHUNK_ROWS):
        part = slice(first, first + _CHUNK_ROWS)
        yield Labelled(rows.features[part], rows.labels[part], rows.weights[part])
