"""How good a scorer is on rows that it was not fitted to: figures with intervals of 95 %. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from plaudit_schemas.models.manifest import HeldOutFigure
from plaudit_schemas.statistics.intervals import wilson

from plaudit_consumers.training.heads import Floats, log_losses

FigureName = Literal["accuracy", "auc", "log_loss", "calibration_error"]
N = TypeVar("N", bound=str)

TENTHS: Final = 10
_DRAWS: Final = 1000
_FEWEST_DRAWS: Final = 200
_MOST_COUNTED: Final = 100_000_000
_DIGITS: Final = 6
_NEAR_ZERO: Final = 1e-12

Counts = NDArray[np.float64]


class Outcomes(NamedTuple):
    """What a model said of judged rows.

    Attributes:
        margins: log odds that people like the answer; of pairs, that they choose the first one.
        labels: 1 where they did, else 0.
        groups: the number of each row's group.
        pairs: whether the rows are pairs. The label of a pair is 1, because the chosen answer stands first.
        rewards: of pairs, the rewards of both answers [2, rows].
    """

    margins: Floats
    labels: Floats
    groups: NDArray[np.int64]
    pairs: bool = False
    rewards: Floats | None = None


class ReliabilityBin(NamedTuple):
    """The rows whose probability lies in one tenth from 0 to 1."""

    rows: float
    mean_probability: float
    share: float


Metric = Callable[[Outcomes, Counts], float]
"""A figure of rows, each of which counts so often."""


def evaluate(outcomes: Outcomes, seed: int) -> dict[FigureName, HeldOutFigure]:
    """Accuracy, AUC, log-loss and calibration error.

    The interval of the accuracy is Wilson's, widened where the answers of one group resemble each other. The
    others are by bootstrap over groups.
    """
    sampled = bootstrap(outcomes, {name: METRICS[name] for name in _SAMPLED}, seed)
    return {"accuracy": figure_of(outcomes, "accuracy", seed), **sampled}


def figure_of(outcomes: Outcomes, name: FigureName, seed: int) -> HeldOutFigure:
    """One figure with its interval."""
    if name == "accuracy":
        return share_right(right(outcomes), outcomes.groups)
    return bootstrap(outcomes, {name: METRICS[name]}, seed)[name]


def right(outcomes: Outcomes) -> Floats:
    """1 where the model is right, 0 where it is wrong, and 0.5 where it does not know."""
    hits = (outcomes.margins > 0) == (outcomes.labels > 0.5)
    return np.where(np.abs(outcomes.margins) < _NEAR_ZERO, 0.5, hits).astype(np.float64)


def share_right(hits: Floats, groups: NDArray[np.int64]) -> HeldOutFigure:
    """The mean of values from 0 to 1, with Wilson's interval (1927) for as many rows as are independent."""
    share = float(hits.mean())
    return _figure(share, *wilson(share, len(hits) / design_effect(hits, groups)))


def design_effect(values: Floats, groups: NDArray[np.int64]) -> float:
    """The factor by which groups raise the variance of a mean; at least 1.

    The variance of a ratio mean over clusters (Cochran, Sampling Techniques, 1977, 6.5), divided by that of
    as many independent rows.
    """
    clusters = len(np.unique(groups))
    spread = values - values.mean()
    variance = float(np.mean(spread**2))
    if clusters < 2 or variance <= 0:
        return 1.0
    sums = np.bincount(groups, spread)
    clustered = clusters / (clusters - 1) * float(np.sum(sums**2)) / len(values) ** 2
    return max(1.0, clustered / (variance / len(values)))


def bootstrap(outcomes: Outcomes, metrics: Mapping[N, Metric], seed: int) -> dict[N, HeldOutFigure]:
    """Each figure with the interval between its 2.5th and 97.5th percentile over samples of groups."""
    whole = np.ones(len(outcomes.groups))
    found: dict[N, list[float]] = {name: [] for name in metrics}
    for counts in resamples(outcomes.groups, seed):
        for name, metric in metrics.items():
            value = metric(outcomes, counts)
            if np.isfinite(value):  # a sample without one of the two classes has no AUC
                found[name].append(value)
    return {name: _percentiles(metric(outcomes, whole), found[name]) for name, metric in metrics.items()}


def resamples(groups: NDArray[np.int64], seed: int) -> Iterator[Counts]:
    """How often each row counts when whole groups are drawn again: 1,000 times, fewer of many rows."""
    dice = np.random.default_rng(seed)
    _, places = np.unique(groups, return_inverse=True)
    number = int(places.max()) + 1
    for _ in range(int(min(_DRAWS, max(_FEWEST_DRAWS, _MOST_COUNTED // len(places))))):
        drawn = np.bincount(dice.integers(0, number, number), minlength=number)
        yield drawn[places].astype(np.float64)


def _percentiles(value: float, samples: list[float]) -> HeldOutFigure:
    low, high = np.percentile(samples, (2.5, 97.5)) if samples else (value, value)
    return _figure(value, float(low), float(high))


def _figure(value: float, low: float, high: float) -> HeldOutFigure:
    # More digits would differ from machine to machine.
    return HeldOutFigure(
        value=round(value, _DIGITS),
        low=round(min(value, low), _DIGITS),
        high=round(max(value, high), _DIGITS),
    )


def accuracy(outcomes: Outcomes, counts: Counts) -> float:
    """The share of rows on which the model is right."""
    return float(counts @ right(outcomes) / counts.sum())


def log_loss(outcomes: Outcomes, counts: Counts) -> float:
    """The mean of minus the logarithm of the probability of what people said, in nats."""
    return float(counts @ log_losses(outcomes.margins, outcomes.labels) / counts.sum())


def auc(outcomes: Outcomes, counts: Counts) -> float:
    """The probability that a liked answer has a higher reward than a disliked one; equal ones count half.

    Of pairs: that a chosen answer has a higher reward than a rejected one, whatever they answer.
    """
    if outcomes.rewards is None:
        return _auc(outcomes.margins, outcomes.labels, counts)
    chosen, rejected = outcomes.rewards
    labels = np.concatenate([np.ones(len(chosen)), np.zeros(len(rejected))])
    return _auc(np.concatenate([chosen, rejected]), labels, np.concatenate([counts, counts]))


def _auc(values: Floats, labels: Floats, counts: Counts) -> float:
    _, places = np.unique(values, return_inverse=True)
    liked = np.bincount(places, counts * labels)
    disliked = np.bincount(places, counts * (1 - labels))
    if liked.sum() <= 0 or disliked.sum() <= 0:
        return float("nan")
    below = np.cumsum(disliked) - disliked
    return float(liked @ (below + disliked / 2) / (liked.sum() * disliked.sum()))


def calibration_error(outcomes: Outcomes, counts: Counts) -> float:
    """The mean distance of probability and share over the tenths, by their rows (Naeini et al. 2015)."""
    tenths = reliability(outcomes, counts)
    total = sum(tenth.rows for tenth in tenths)
    return sum(tenth.rows * abs(tenth.mean_probability - tenth.share) for tenth in tenths) / total


def reliability(outcomes: Outcomes, counts: Counts) -> list[ReliabilityBin]:
    """What was said and what people did, for each tenth that has rows.

    A pair counts in both orders, because which answer stands first means nothing.
    """
    margins, labels = outcomes.margins, outcomes.labels
    if outcomes.pairs:
        margins, labels = np.concatenate([margins, -margins]), np.concatenate([labels, 1 - labels])
        counts = np.concatenate([counts, counts])
    likely = 0.5 * (1 + np.tanh(margins / 2))
    places = np.minimum((likely * TENTHS).astype(np.int64), TENTHS - 1)
    rows = np.bincount(places, counts, TENTHS)
    said = np.bincount(places, counts * likely, TENTHS)
    done = np.bincount(places, counts * labels, TENTHS)
    return [
        ReliabilityBin(float(rows[k]), float(said[k] / rows[k]), float(done[k] / rows[k]))
        for k in range(TENTHS)
        if rows[k] > 0
    ]


METRICS: Final[Mapping[FigureName, Metric]] = {
    "accuracy": accuracy,
    "auc": auc,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
}
_SAMPLED: Final[tuple[FigureName, ...]] = ("auc", "log_loss", "calibration_error")
