"""How well scorers agree with people, worked out pair by pair: nothing of the package's counting is used."""

from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from typing import Any

Pair = tuple[int, bool]
"""A score in thousandths, and whether people speak for the message."""


def pairs_of(messages: dict[str, Any], slots: Sequence[Any]) -> dict[tuple[str, ...], list[Pair]]:
    """(kind of people, aspect, scorer, version) -> the pairs in a conversation's last state."""
    found: dict[tuple[str, ...], list[Pair]] = defaultdict(list)
    said = [(slot["message_id"], slot["feedback"]) for slot in slots if "value" in slot["feedback"]]
    for message_id, message in messages.items():
        if message["role"] != "assistant":
            continue
        own = [feedback for of, feedback in said if of == message_id]
        for score in own:
            if score["rater"]["kind"] != "model" or score["kind"] != "number":
                continue
            for kind in ("user", "reviewer"):
                people = [
                    one for one in own if one["rater"]["kind"] == kind and one["aspect"] == score["aspect"]
                ]
                lead = sum(map(_side, people))
                if lead:
                    rater = score["rater"]
                    which = (kind, score["aspect"], rater.get("id") or "", rater.get("version") or "")
                    found[which].append((round(_share(score["value"][1]) * 1000), lead > 0))
    return dict(found)


def accuracy(pairs: Sequence[Pair]) -> float:
    return sum((score >= 500) == liked for score, liked in pairs) / len(pairs)


def area(pairs: Sequence[Pair]) -> float | None:
    """Over all pairs of a liked and a disliked answer, as the histogram's bins see them."""
    liked = [min(score // 20, 49) for score, good in pairs if good]
    others = [min(score // 20, 49) for score, good in pairs if not good]
    if not liked or not others:
        return None
    wins = sum((a > b) + (a == b) / 2 for a in liked for b in others)
    return wins / len(liked) / len(others)


def brier(pairs: Sequence[Pair]) -> float:
    return sum((score / 1000 - liked) ** 2 for score, liked in pairs) / len(pairs)


def calibration(pairs: Sequence[Pair]) -> float:
    tenths: dict[int, list[Pair]] = defaultdict(list)
    for score, liked in pairs:
        tenths[min(score // 100, 9)].append((score, liked))
    return sum(
        abs(sum(score / 1000 for score, _ in some) - sum(liked for _, liked in some))
        for some in tenths.values()
    ) / len(pairs)


def matthews(pairs: Sequence[Pair]) -> float | None:
    """Pearson's correlation of the two sides, which is what Matthews' coefficient is."""
    xs, ys = [float(score >= 500) for score, _ in pairs], [float(liked) for _, liked in pairs]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sqrt(sum((one - x) ** 2 for one in xs) * sum((one - y) ** 2 for one in ys))
    together = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True))
    return together / spread if spread else None


def _share(value: dict[str, Any]) -> float:
    number, least, most = (float(value[name]) for name in ("number", "minimum", "maximum"))
    return (number - least) / (most - least)


def _side(feedback: dict[str, Any]) -> int:
    """1 for the message, -1 against it, 0 for neither."""
    kind, value = feedback["kind"], feedback["value"][1]
    if kind == "thumb":
        return 1 if value["like"] else -1
    if kind == "number":
        share = _share(value)
        return (share > 0.5) - (share < 0.5)
    if kind == "label" and feedback["aspect"] == "accuracy":
        return ("correct" in value["labels"]) - ("incorrect" in value["labels"])
    return 0
