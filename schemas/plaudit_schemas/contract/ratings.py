"""What a feedback's value is worth: as a score, as satisfaction, as a verdict on accuracy.

Figures and training rows both go by these.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

WORST: Final = 1000
SATISFIED: Final = 4000
BEST: Final = 5000
"""Satisfaction in thousandths: the ends of its scale, and from where on a user counts as satisfied."""

Feedback = Mapping[str, Any]


def share_of_scale(number: float, minimum: float, maximum: float) -> float | None:
    """Where a number lies on its scale, from 0 to 1; None where the scale is empty."""
    return (number - minimum) / (maximum - minimum) if maximum > minimum else None


def judged_correct(labels: Sequence[str]) -> bool | None:
    """Whether the labels call an answer correct; None where they say both, or neither."""
    right, wrong = "correct" in labels, "incorrect" in labels
    return right if right != wrong else None


def satisfaction(feedback: Feedback) -> tuple[str, int] | None:
    """Scale (thumb or number) and satisfaction in thousandths, 1000 to 5000; None for all else."""
    if feedback["aspect"] != "satisfaction" or "value" not in feedback:
        return None
    value = feedback["value"][1]
    if feedback["kind"] == "thumb":
        return "thumb", BEST if value["like"] else WORST
    if feedback["kind"] == "number":
        share = share_of_scale(value["number"], value["minimum"], value["maximum"])
        return None if share is None else ("number", WORST + round(share * (BEST - WORST)))
    return None


def verdict(feedback: Feedback) -> bool | None:
    """Whether a feedback of aspect `accuracy` judges its message correct; None where it does not say.

    A like or the label `correct` says so, a dislike or the label `incorrect` the contrary. A number
    above the middle of its scale says correct, one below it incorrect.
    """
    if feedback["aspect"] != "accuracy" or "value" not in feedback:
        return None
    kind, value = feedback["kind"], feedback["value"][1]
    if kind == "thumb":
        return bool(value["like"])
    if kind == "number":
        middle = value["minimum"] / 2 + value["maximum"] / 2
        return None if value["number"] == middle else bool(value["number"] > middle)
    return judged_correct(value["labels"]) if kind == "label" else None
