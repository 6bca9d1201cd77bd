"""What a feedback means for the figures: a satisfaction from 1 to 5, a verdict on accuracy."""

from typing import Any

from plaudit_stream_processors.metrics.votes import BEST, WORST

Feedback = dict[str, Any]


def satisfaction(feedback: Feedback) -> tuple[str, int] | None:
    """Scale (thumb or number) and satisfaction in thousandths from 1000 to 5000; None for all else."""
    if feedback["aspect"] != "satisfaction" or "value" not in feedback:
        return None
    value = feedback["value"][1]
    if feedback["kind"] == "thumb":
        return "thumb", BEST if value["like"] else WORST
    if feedback["kind"] == "number":
        share = (value["number"] - value["minimum"]) / (value["maximum"] - value["minimum"])
        return "number", WORST + round(share * (BEST - WORST))
    return None


def verdict(feedback: Feedback) -> bool | None:
    """Whether a feedback of aspect `accuracy` judges its message correct; None where it does not say.

    A like or the label `correct` says so, a dislike or the label `incorrect` the contrary; a number
    above the middle of its scale is correct, one below it incorrect.
    """
    if feedback["aspect"] != "accuracy" or "value" not in feedback:
        return None
    kind, value = feedback["kind"], feedback["value"][1]
    if kind == "thumb":
        return bool(value["like"])
    if kind == "number":
        middle = value["minimum"] / 2 + value["maximum"] / 2
        return None if value["number"] == middle else bool(value["number"] > middle)
    if kind == "label" and ("correct" in value["labels"]) != ("incorrect" in value["labels"]):
        return "correct" in value["labels"]
    return None
