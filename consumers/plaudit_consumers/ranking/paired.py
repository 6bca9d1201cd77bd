"""Compares two versions of a model on the same judged answers or pairs. Pure.

Both are judged on the same resamples of groups, so what makes the answers hard for both cancels out. That is
why the interval of a difference is narrower than those of the two figures.
"""

from typing import Final, Literal, NamedTuple

import numpy as np

from plaudit_consumers.ranking.resampling import SEED, Interval, interval
from plaudit_consumers.training.evaluation import (
    FigureName,
    Metric,
    Outcomes,
    accuracy,
    auc,
    calibration_error,
    log_loss,
    resamples,
    right,
)

OF_ANSWERS: Final[dict[FigureName, Metric]] = {
    "accuracy": accuracy,
    "auc": auc,
    "log_loss": log_loss,
    "calibration_error": calibration_error,
}
OF_PAIRS: Final[dict[FigureName, Metric]] = {"accuracy": accuracy, "log_loss": log_loss}

Verdict = Literal["better", "worse", "no difference shown"]


class PairedFigure(NamedTuple):
    """A figure of both versions. `difference` is that of the second minus that of the first."""

    first: Interval
    second: Interval
    difference: Interval


class Comparison(NamedTuple):
    """How the second version stands to the first.

    Attributes:
        rows: judged answers or pairs.
        groups: how many of them are independent.
        liked: rows whose label is 1; all of the pairs.
        both_right, first_right, second_right, both_wrong: rows, by which version is right at 0.5. Where a
            version does not know, it counts as wrong.
        verdict: of the second version, by the interval of the difference of the log-loss.
    """

    pairs: bool
    rows: int
    groups: int
    liked: int
    both_right: int
    first_right: int
    second_right: int
    both_wrong: int
    figures: dict[FigureName, PairedFigure]
    verdict: Verdict


def compare(first: Outcomes, second: Outcomes, seed: int = SEED) -> Comparison:
    """Compare what two versions said of the same rows, of which there is at least one."""
    metrics = OF_PAIRS if first.pairs else OF_ANSWERS
    groups = int(first.groups.max()) + 1
    both = (first, second)
    whole = np.ones(len(first.labels))
    values = np.array([[metric(one, whole) for metric in metrics.values()] for one in both])
    drawn = np.array(
        [
            [[metric(one, counts) for metric in metrics.values()] for one in both]
            for counts in resamples(first.groups, seed)
        ]
    )
    figures = {
        name: PairedFigure(
            interval(values[0, at], drawn[:, 0, at], groups),
            interval(values[1, at], drawn[:, 1, at], groups),
            interval(values[1, at] - values[0, at], drawn[:, 1, at] - drawn[:, 0, at], groups),
        )
        for at, name in enumerate(metrics)
    }
    hits = [right(one) == 1 for one in both]
    return Comparison(
        pairs=first.pairs,
        rows=len(whole),
        groups=groups,
        liked=int(first.labels.sum()),
        both_right=int((hits[0] & hits[1]).sum()),
        first_right=int((hits[0] & ~hits[1]).sum()),
        second_right=int((~hits[0] & hits[1]).sum()),
        both_wrong=int((~hits[0] & ~hits[1]).sum()),
        figures=figures,
        verdict=verdict_of(figures["log_loss"].difference),
    )


def verdict_of(difference: Interval) -> Verdict:
    """What the difference of a loss says of the second version."""
    if difference.low is None or difference.high is None:
        return "no difference shown"
    if difference.high < 0:
        return "better"
    return "worse" if difference.low > 0 else "no difference shown"
