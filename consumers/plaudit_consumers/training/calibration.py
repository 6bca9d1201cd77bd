"""What a reward is worth as a probability. Pure."""

from typing import Final

import numpy as np
from plaudit_schemas.models.manifest import Calibration

from plaudit_consumers.training.heads import Floats, Labelled, fit_head, significant

# Calibration has two parameters at most: a little regularisation only keeps them finite.
_L2: Final = 1e-4
_LEAST_SLOPE: Final = 1e-3


def calibrate_labels(rewards: Floats, labels: Floats, weights: Floats) -> Calibration:
    """Platt's scaling: the line of log odds that fits the labels best.

    Args:
        rewards: of rows that the head which gave them was not fitted to.
    """
    head = fit_head(_one_feature(rewards, labels, weights), _L2, intercept=True)
    slope = float(head.weights[0])
    if slope >= _LEAST_SLOPE:
        return _calibration(slope, head.intercept)
    # A slope below 0 would turn the model round. It knows nothing, and the share of likes says all.
    nothing = Labelled(np.zeros((len(labels), 1), dtype=np.float32), labels, weights)
    return _calibration(_LEAST_SLOPE, fit_head(nothing, _L2, intercept=True).intercept)


def calibrate_pairs(differences: Floats, weights: Floats, centre: float) -> Calibration:
    """The slope that fits the outcomes of pairs best.

    Pairs say nothing about one answer by itself. The intercept makes the probability that of winning against
    an answer of the mean reward.

    Args:
        differences: reward of the better answer minus that of the other one, from a head that was not fitted
            to the pair.
        centre: the mean reward of answers.
    """
    head = fit_head(_one_feature(differences, np.ones_like(differences), weights), _L2, intercept=False)
    slope = max(float(head.weights[0]), _LEAST_SLOPE)
    return _calibration(slope, -slope * centre)


def _one_feature(values: Floats, labels: Floats, weights: Floats) -> Labelled:
    return Labelled(values.astype(np.float32)[:, None], labels, weights)


def _calibration(slope: float, intercept: float) -> Calibration:
    return Calibration(slope=significant(slope), intercept=significant(intercept))
