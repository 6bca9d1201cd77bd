"""The worth of a feedback's value: as a score, as satisfaction, and as a verdict on accuracy.

The live metrics and the training rows both use these functions, so that they agree.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

SCALE: Final = 1000
"""The upper end of a scale in thousandths of its length; the lower end is 0."""
WORST: Final = 1000
SATISFIED: Final = 4000
BEST: Final = 5000
"""Satisfaction in thousandths of a point: 1 is the worst, 5 the best, and 4 or more counts as satisfied.

Integers, because sums of them do not depend on the order in which they are added.
"""

WITH_OWN_FIGURES: Final = frozenset(("satisfaction", "accuracy"))
"""Aspects that are not counted as others are."""

Feedback = Mapping[str, Any]


def share_of_scale(number: float, minimum: float, maximum: float) -> float | None:
    """The position of a number on its scale, from 0 to 1. None if the scale has no length."""
    return (number - minimum) / (maximum - minimum) if maximum > minimum else None


def judged_correct(labels: Sequence[str]) -> bool | None:
    """Whether the labels call an answer correct. None if they say both or neither."""
    right, wrong = "correct" in labels, "incorrect" in labels
    return right if right != wrong else None


def satisfaction(feedback: Feedback) -> tuple[str, int] | None:
    """The kind of scale (`thumb` or `number`) and the satisfaction, 1000 to 5000 thousandths.

    None if the feedback has another aspect or kind, or withdraws its value.
    """
    if feedback["aspect"] != "satisfaction" or "value" not in feedback:
        return None
    value = feedback["value"][1]
    if feedback["kind"] == "thumb":
        return "thumb", BEST if value["like"] else WORST
    if feedback["kind"] == "number":
        share = share_of_scale(value["number"], value["minimum"], value["maximum"])
        return None if share is None else ("number", WORST + round(share * (BEST - WORST)))
    return None


def aspect_vote(feedback: Feedback) -> tuple[str, int | list[str]] | None:
    """The vote on an aspect: the kind, with the thousandths of its scale (0 to 1000) or the labels.

    The kinds are `thumb`, `number` and `label`. None if the feedback has another one, withdraws its value, or
    has an aspect with figures of its own.
    """
    if feedback["aspect"] in WITH_OWN_FIGURES or "value" not in feedback:
        return None
    kind, value = feedback["kind"], feedback["value"][1]
    if kind == "thumb":
        return kind, SCALE if value["like"] else 0
    if kind == "number":
        share = share_of_scale(value["number"], value["minimum"], value["maximum"])
        return None if share is None else (kind, round(share * SCALE))
    return (kind, sorted(set(value["labels"]))) if kind == "label" else None


def verdict(feedback: Feedback) -> bool | None:
    """Whether feedback of aspect `accuracy` calls its message correct. None if it does not say."""
    return judgement(feedback) if feedback["aspect"] == "accuracy" else None


def is_score(feedback: Feedback) -> bool:
    """Whether feedback is a model's number, or was one that is withdrawn."""
    return bool(feedback["kind"] == "number" and feedback["rater"]["kind"] == "model")


def score_of(feedback: Feedback) -> int | None:
    """The position of a number on its own scale, in thousandths. None if there is no number."""
    if feedback["kind"] != "number" or "value" not in feedback:
        return None
    value = feedback["value"][1]
    share = share_of_scale(value["number"], value["minimum"], value["maximum"])
    return None if share is None else round(share * SCALE)


def judgement(feedback: Feedback) -> bool | None:
    """Whether feedback speaks for its message, on the feedback's own aspect. None if it does not say.

    A like or a number above the middle of its scale speaks for it, a dislike or a number below the middle
    against it. Of aspect `accuracy` the labels `correct` and `incorrect` do so too.
    """
    if "value" not in feedback:
        return None
    kind, value = feedback["kind"], feedback["value"][1]
    if kind == "thumb":
        return bool(value["like"])
    if kind == "number":
        # Halves are added, because the sum of two large ends could overflow to infinity.
        middle = value["minimum"] / 2 + value["maximum"] / 2
        return None if value["number"] == middle else bool(value["number"] > middle)
    return judged_correct(value["labels"]) if kind == "label" and feedback["aspect"] == "accuracy" else None
