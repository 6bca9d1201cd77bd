"""Makes scores of what a graph gives. Pure."""

import math
from typing import Final

from plaudit_schemas.models.manifest import Calibration, OutputKind
from plaudit_schemas.models.scores import Score

_NEAREST: Final = 1e-7
"""How near to 0 and 1 a probability may be to have a finite logit."""
_BEYOND: Final = 1e-3
"""By how much a probability may lie outside 0 to 1, which half precision does."""


def calibrated(output: float, kind: OutputKind, calibration: Calibration) -> float:
    """The probability that people like the answer. NaN if the output is no number of its kind."""
    reward = output
    if kind == "probability":
        if not -_BEYOND <= output <= 1 + _BEYOND:  # True for NaN
            return math.nan
        reward = logit(output)
    if not math.isfinite(reward):
        return math.nan
    return sigmoid(calibration.slope * reward + calibration.intercept)


def score_of(output: float, kind: OutputKind, calibration: Calibration, *, tokens: int, cut: bool) -> Score:
    """The score that an output stands for."""
    probability = calibrated(output, kind, calibration)
    number = round(probability, 3)
    return Score(
        number=number,
        confidence=round(max(number, 1.0 - number), 3) if math.isfinite(number) else math.nan,
        reward=output,
        tokens=tokens,
        cut=cut,
    )


def logit(probability: float) -> float:
    """The logarithm of the odds, finite also at 0 and 1."""
    inner = min(max(probability, _NEAREST), 1.0 - _NEAREST)
    return math.log(inner / (1.0 - inner))


def sigmoid(x: float) -> float:
    """The probability whose logit is x."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    return math.exp(x) / (1.0 + math.exp(x))
