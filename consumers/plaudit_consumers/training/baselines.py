"""What simpler ways reach on the same rows. Pure."""

import numpy as np
from plaudit_schemas.models.manifest import Calibration

from plaudit_consumers.training.evaluation import Metric, Outcomes, bootstrap
from plaudit_consumers.training.examples import Examples
from plaudit_consumers.training.heads import Floats, Matrix, fit_head
from plaudit_consumers.training.learning import labelled, outcomes_of

_AS_IT_IS = Calibration()
_L2 = 1e-3


def baselines(learning: Examples, held_out: Examples) -> dict[str, Outcomes]:
    """Name -> what a simpler way says of the held-out rows.

    - `majority`: of labels, always the more frequent one. For pairs there is none.
    - `longer_answer`: the longer answer is better; of labels, an answer is liked if it is longer than half of
      those that were learned from.
    - `length`: a head on the length alone. It finds out whether long or short answers are liked.
    """
    found: dict[str, Outcomes] = {}
    if held_out.second is None:
        found["majority"] = outcomes_of(
            held_out, np.full(len(held_out.inputs), _log_odds(learning)), _AS_IT_IS
        )
    found["longer_answer"] = outcomes_of(held_out, _lengths(held_out) - _middle(learning), _AS_IT_IS)
    found["length"] = _length_alone(learning, held_out)
    return found


def lead(model: Outcomes, other: Outcomes, metric: Metric, seed: int) -> tuple[float, float, float]:
    """By how much a figure of a model is above that of another way on the same rows: value, low, high."""

    def difference(outcomes: Outcomes, counts: Floats) -> float:
        return metric(outcomes, counts) - metric(other, counts)

    found = bootstrap(model, {"lead": difference}, seed)["lead"]
    return found.value, found.low, found.high


def _log_odds(examples: Examples) -> float:
    liked = float(examples.labels.mean())
    return float(np.log(max(liked, 1e-9) / max(1 - liked, 1e-9)))


def _lengths(examples: Examples) -> Floats:
    return np.log1p(np.array([text.length for text in examples.inputs], dtype=np.float64))


def _middle(examples: Examples) -> float:
    return float(np.median(_lengths(examples)[examples.first]))


def _length_alone(learning: Examples, held_out: Examples) -> Outcomes:
    middle = _middle(learning)
    head = fit_head(
        labelled(learning, _column(_lengths(learning) - middle)), _L2, intercept=learning.second is None
    )
    return outcomes_of(held_out, head.rewards(_column(_lengths(held_out) - middle)), _AS_IT_IS)


def _column(values: Floats) -> Matrix:
    return values.astype(np.float32)[:, None]
