"""The hidden taste of simulated people: how an answer is put moves their thumbs, besides whether it is good.

A model that is trained on their judgements can find this taste again. No field of any event names it.
"""

from math import exp
from random import Random
from typing import Final, Literal, NamedTuple

Tone = Literal["polite", "plain", "brusque"]

# How often models take each manner; it does not depend on the model or on how good the answer is.
_TONES: Final[dict[Tone, int]] = {"polite": 3, "plain": 4, "brusque": 3}
_EXAMPLE: Final = 0.35
_PADDED: Final = 0.3

# The taste, in log-odds of a like.
_BASE: Final = {True: 3.0, False: -2.6}
_TONE: Final[dict[Tone, float]] = {"polite": 1.0, "plain": 0.4, "brusque": -1.6}
_EXAMPLE_ADDS: Final = 0.8
_PADDING_ADDS: Final = -1.6


class Manner(NamedTuple):
    """How an answer is put: its tone, whether it gives an example, and whether it is padded with words."""

    tone: Tone
    example: bool
    padded: bool


BEST: Final = Manner("polite", example=True, padded=False)
"""What people like best."""


def draw_manner(rng: Random) -> Manner:
    """Draw how an answer is put."""
    (tone,) = rng.choices(list(_TONES), list(_TONES.values()))
    return Manner(tone, rng.random() < _EXAMPLE, rng.random() < _PADDED)


def appeal(good: bool, manner: Manner) -> float:
    """The log-odds that a simulated person likes an answer."""
    extra = _EXAMPLE_ADDS * manner.example + _PADDING_ADDS * manner.padded
    return _BASE[good] + _TONE[manner.tone] + extra


def probability(log_odds: float) -> float:
    """The probability that belongs to log-odds."""
    return 1 / (1 + exp(-log_odds))
