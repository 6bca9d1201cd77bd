"""What raters said of a conversation's answers, combined: ratings, corrections, preferred pairs.

Plain data in and out. docs/datasets.md tells the rules in words.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

Item = Mapping[str, Any]
MIDDLE: Final = 0.5


class Rater(NamedTuple):
    """Who judged. How sure they were belongs to the judgement, not to them."""

    kind: str
    id: str | None
    version: str | None


class Verdict(NamedTuple):
    """Raters combined.

    Attributes:
        aspect: what was judged.
        score: the raters' mean from 0 to 1; for a pair the mean gap of ranks, likewise.
        agreement: the share of raters on the verdict's side.
        weight: agreement times the mean confidence of those raters.
        raters: all who judged this.
    """

    aspect: str
    score: float
    agreement: float
    weight: float
    raters: tuple[Rater, ...]

    @property
    def margin(self) -> float:
        """How far a rating lies from the middle, 0 to 1."""
        return abs(2 * self.score - 1)


class Correction(NamedTuple):
    """A text that it should have been; `item` is the index of the first feedback that says so."""

    item: int
    verdict: Verdict


class Pair(NamedTuple):
    """A preferred answer over another, by message id."""

    chosen: str
    rejected: str
    verdict: Verdict


def score_of(item: Item) -> float | None:
    """An absolute rating from 0 to 1: a thumb, a number on its scale, a verdict on accuracy; else None."""
    kind = item["kind"]
    if kind == "thumb" and item["thumb"] is not None:
        return float(item["thumb"])
    if kind == "number" and item["number"] is not None:
        low, high = item["minimum"], item["maximum"]
        return float((item["number"] - low) / (high - low)) if high > low else None
    if kind == "label" and item["aspect"] == "accuracy":
        right, wrong = "correct" in (item["labels"] or ()), "incorrect" in (item["labels"] or ())
        return float(right) if right != wrong else None
    return None


def confidence_of(item: Item) -> float:
    """How sure a rater was, from 0 to 1; 1 where none was given."""
    confidence = item.get("confidence")
    return 1.0 if confidence is None else float(confidence)


def rating(items: Iterable[tuple[Rater, Item]]) -> Verdict | None:
    """The ratings of one message combined: the aspect that was judged worst decides. None without any."""
    scores: dict[str, dict[Rater, list[tuple[float, float]]]] = {}
    for rater, item in items:
        score = score_of(item)
        if score is not None:
            said = scores.setdefault(item["aspect"], {}).setdefault(rater, [])
            said.append((score, confidence_of(item)))
    verdicts = [_mean(aspect, by_rater) for aspect, by_rater in sorted(scores.items())]
    return min(verdicts, key=lambda verdict: verdict.score, default=None)


def _mean(aspect: str, by_rater: Mapping[Rater, Sequence[tuple[float, float]]]) -> Verdict:
    means = {rater: sum(score for score, _ in said) / len(said) for rater, said in by_rater.items()}
    sure = {rater: sum(confidence for _, confidence in said) / len(said) for rater, said in by_rater.items()}
    score = sum(means.values()) / len(means)
    agreeing = [rater for rater, mean in means.items() if _side(mean) == _side(score)]
    return _verdict(aspect, score, agreeing, sure)


def _side(score: float) -> int:
    return (score > MIDDLE) - (score < MIDDLE)


def _verdict(
    aspect: str, score: float, agreeing: Sequence[Rater], confidences: Mapping[Rater, float]
) -> Verdict:
    """`confidences` are those of all who judged this."""
    agreement = len(agreeing) / len(confidences)
    confidence = sum(confidences[rater] for rater in agreeing) / len(agreeing) if agreeing else 0.0
    return Verdict(aspect, score, agreement, agreement * confidence, tuple(confidences))


def corrections(items: Iterable[tuple[int, Rater, Item]]) -> list[Correction]:
    """The corrections of one message; raters who wrote the same text stand together, each once."""
    texts: dict[str, tuple[int, str, dict[Rater, float]]] = {}
    for index, rater, item in items:
        if item["kind"] == "correction" and item["correction"] is not None:
            raters = texts.setdefault(item["correction"], (index, item["aspect"], {}))[2]
            raters[rater] = max(confidence_of(item), raters.get(rater, 0.0))
    return [
        Correction(index, _verdict(aspect, 1.0, tuple(raters), raters))
        for index, aspect, raters in texts.values()
    ]


def pairs(
    comparisons: Iterable[tuple[Rater, Item]], texts: Mapping[str, str], group: Mapping[str, str | None]
) -> list[Pair]:
    """Every preferred pair of all comparisons of one conversation.

    Answers with the same text are one answer. A pair needs a majority of its raters; a tie in a group is
    a vote for neither.

    Args:
        comparisons: a rater's later word on a pair, by event time, then by place in here, replaces the
            earlier one.
        texts: the text of each message that may be a candidate.
        group: its parent: candidates of different parents answer different histories.
    """
    found: dict[tuple[str, str | None, str, str], _Votes] = {}
    for rater, item in sorted(comparisons, key=lambda each: each[1]["occurred_at"]):
        if item["none_acceptable"]:
            continue
        for key, votes in _gaps(item, texts, group).items():
            whole = found.setdefault(key, _Votes({}, votes.first, votes.second))
            whole.gaps.pop(rater, None)
            whole.gaps[rater] = sum(votes.gaps.values()) / len(votes.gaps)
    decided = (_decide(key[0], votes) for key, votes in found.items())
    return [pair for pair in decided if pair is not None]


class _Votes(NamedTuple):
    gaps: dict[Any, float]
    first: str
    second: str


def _gaps(
    item: Item, texts: Mapping[str, str], group: Mapping[str, str | None]
) -> dict[tuple[str, str | None, str, str], _Votes]:
    """One comparison's signed rank gaps, by pair of texts; positive prefers the pair's first text."""
    ranking = item["ranking"] or []
    placed = [(place, name) for place, names in enumerate(ranking) for name in names if name in texts]
    found: dict[tuple[str, str | None, str, str], _Votes] = {}
    for at, (place, name) in enumerate(placed):
        for worse_place, worse in placed[at + 1 :]:
            if texts[name] == texts[worse] or group[name] != group[worse]:
                continue
            gap = (worse_place - place) / max(1, len(ranking) - 1)
            first, second = name, worse
            if texts[first] > texts[second]:
                first, second, gap = second, first, -gap
            key = (item["aspect"], group[name], texts[first], texts[second])
            votes = found.setdefault(key, _Votes({}, first, second))
            votes.gaps[len(votes.gaps)] = gap
    return found


def _decide(aspect: str, votes: _Votes) -> Pair | None:
    sides = [(gap > 0) - (gap < 0) for gap in votes.gaps.values()]
    lead = sides.count(1) - sides.count(-1)
    if lead == 0:
        return None
    side = 1 if lead > 0 else -1
    agreeing = [rater for rater, vote in zip(votes.gaps, sides, strict=True) if vote == side]
    margin = side * sum(votes.gaps.values()) / len(sides)
    verdict = _verdict(aspect, max(0.0, margin), agreeing, dict.fromkeys(votes.gaps, 1.0))
    chosen, rejected = (votes.first, votes.second) if side > 0 else (votes.second, votes.first)
    return Pair(chosen, rejected, verdict)
