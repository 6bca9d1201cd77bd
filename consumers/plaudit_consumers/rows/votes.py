"""Combines what raters said about the answers of a conversation: ratings, corrections, preferred pairs.

Plain data in and out. docs/datasets.md has the rules in words.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.ratings import judged_correct, share_of_scale

from plaudit_consumers.rows.settings import TOLERANCE

Judgement = Mapping[str, Any]
"""A feedback or a comparison: column name -> value."""
MIDDLE: Final = 0.5


class RaterKey(NamedTuple):
    """Identifies a rater. Ratings with the same key come from one rater, whatever their confidence."""

    kind: str
    id: str | None
    version: str | None


class Verdict(NamedTuple):
    """The combined judgement of several raters.

    Attributes:
        aspect: what was judged.
        score: the mean over raters, from 0 to 1; for a pair, the mean distance of ranks, also from 0 to 1.
        agreement: the share of raters on the verdict's side.
        weight: agreement times the mean confidence of those raters.
        raters: all raters who judged this.
    """

    aspect: str
    score: float
    agreement: float
    weight: float
    raters: tuple[RaterKey, ...]

    @property
    def margin(self) -> float:
        """The distance of a rating from the middle of the scale, from 0 to 1."""
        return abs(2 * self.score - 1)


class CorrectedText(NamedTuple):
    """A text that should replace an answer; `feedback` is the position of the first feedback with it."""

    feedback: int
    verdict: Verdict


class PreferredPair(NamedTuple):
    """Two answers by message id, of which one is preferred."""

    chosen: str
    rejected: str
    verdict: Verdict


def score_of(feedback: Judgement) -> float | None:
    """The rating of a feedback, from 0 to 1; None if it is no thumb, number, or label of accuracy."""
    kind = feedback["kind"]
    if kind == "thumb" and feedback["thumb"] is not None:
        return float(feedback["thumb"])
    if kind == "number" and feedback["number"] is not None:
        return share_of_scale(feedback["number"], feedback["minimum"], feedback["maximum"])
    if kind == "label" and feedback["aspect"] == "accuracy":
        correct = judged_correct(feedback["labels"] or ())
        return None if correct is None else float(correct)
    return None


def confidence_of(judgement: Judgement) -> float:
    """The confidence of a rater, from 0 to 1; 1 if none was given."""
    confidence = judgement.get("confidence")
    return 1.0 if confidence is None else float(confidence)


def combine_ratings(
    feedback: Iterable[tuple[RaterKey, Judgement]], tolerance: float = TOLERANCE
) -> Verdict | None:
    """Combine the ratings of one message; None if there are none. The worst-rated aspect decides.

    Args:
        tolerance: scores that are no further apart are equal.
    """
    ratings: dict[str, dict[RaterKey, list[tuple[float, float]]]] = {}
    for rater, item in feedback:
        score = score_of(item)
        if score is not None:
            of_rater = ratings.setdefault(item["aspect"], {}).setdefault(rater, [])
            of_rater.append((score, confidence_of(item)))
    # Sorted, so that of equal scores the same aspect decides whatever the order of the feedback.
    verdicts = [_mean_verdict(aspect, by_rater, tolerance) for aspect, by_rater in sorted(ratings.items())]
    worst = min((verdict.score for verdict in verdicts), default=0.0)
    return next((verdict for verdict in verdicts if verdict.score <= worst + tolerance), None)


def combine_corrections(feedback: Iterable[tuple[int, RaterKey, Judgement]]) -> list[CorrectedText]:
    """Combine the corrections of one message: each text once, with all raters who wrote it.

    Args:
        feedback: for each, its position, its rater and the feedback itself.
    """
    texts: dict[str, tuple[int, str, dict[RaterKey, float]]] = {}
    for position, rater, item in feedback:
        if item["kind"] == "correction" and item["correction"] is not None:
            _, _, confidences = texts.setdefault(item["correction"], (position, item["aspect"], {}))
            confidences[rater] = max(confidence_of(item), confidences.get(rater, 0.0))
    return [
        CorrectedText(position, _verdict(aspect, 1.0, tuple(confidences), confidences))
        for position, aspect, confidences in texts.values()
    ]


def preferred_pairs(
    comparisons: Iterable[tuple[RaterKey, Judgement]],
    texts: Mapping[str, str],
    parents: Mapping[str, str | None],
) -> list[PreferredPair]:
    """All preferred pairs from the comparisons of one conversation.

    Answers with the same text count as one answer. A pair needs a majority of its raters. A rater's tie is a
    vote for neither.

    Args:
        comparisons: if a rater judged a pair several times, the latest counts, by event time and then by
            order in this argument.
        texts: message id -> text, of all messages that may be candidates.
        parents: message id -> parent. Candidates with different parents answer different histories, and make
            no pair.
    """
    found: dict[_PairKey, _PairVotes] = {}
    for rater, item in sorted(comparisons, key=lambda each: _event_time(each[1])):
        if item["none_acceptable"]:
            continue
        for key, gaps in _rank_gaps(item, texts, parents).items():
            votes = found.setdefault(key, _PairVotes({}, gaps.first, gaps.second))
            # Removed first, so that a rater who judges again moves to the end of the order of raters.
            votes.by_rater.pop(rater, None)
            votes.by_rater[rater] = sum(gaps.gaps) / len(gaps.gaps)
    decided = (_decide(key[0], votes) for key, votes in found.items())
    return [pair for pair in decided if pair is not None]


_PairKey = tuple[str, str | None, str, str]
"""Aspect, parent, and the two texts in sorted order."""


class _RankGaps(NamedTuple):
    """Signed distances of ranks in one comparison, as shares of the longest. A positive gap prefers `first`.

    There are several gaps if several candidates have the same text.
    """

    gaps: list[float]
    first: str
    second: str


class _PairVotes(NamedTuple):
    """The mean gap of each rater between two messages, given by id."""

    by_rater: dict[RaterKey, float]
    first: str
    second: str


def _event_time(judgement: Judgement) -> tuple[bool, Any]:
    """A key to sort by event time. One that no reader can hold is null in the rows, and comes first."""
    at = judgement["occurred_at"]
    return at is not None, at


def _rank_gaps(
    comparison: Judgement, texts: Mapping[str, str], parents: Mapping[str, str | None]
) -> dict[_PairKey, _RankGaps]:
    ranking = comparison["ranking"] or []
    placed = [(rank, name) for rank, names in enumerate(ranking) for name in names if name in texts]
    found: dict[_PairKey, _RankGaps] = {}
    for at, (rank, name) in enumerate(placed):
        for worse_rank, worse in placed[at + 1 :]:
            if texts[name] == texts[worse] or parents[name] != parents[worse]:
                continue
            gap = (worse_rank - rank) / max(1, len(ranking) - 1)
            first, second = name, worse
            # In sorted order, so that votes on the same two texts meet whichever was ranked first.
            if texts[first] > texts[second]:
                first, second, gap = second, first, -gap
            key = (comparison["aspect"], parents[name], texts[first], texts[second])
            found.setdefault(key, _RankGaps([], first, second)).gaps.append(gap)
    return found


def _decide(aspect: str, votes: _PairVotes) -> PreferredPair | None:
    sides = [(gap > 0) - (gap < 0) for gap in votes.by_rater.values()]
    lead = sides.count(1) - sides.count(-1)
    if lead == 0:
        return None
    side = 1 if lead > 0 else -1
    agreeing = [rater for rater, vote in zip(votes.by_rater, sides, strict=True) if vote == side]
    margin = side * sum(votes.by_rater.values()) / len(sides)
    verdict = _verdict(aspect, max(0.0, margin), agreeing, dict.fromkeys(votes.by_rater, 1.0))
    chosen, rejected = (votes.first, votes.second) if side > 0 else (votes.second, votes.first)
    return PreferredPair(chosen, rejected, verdict)


def _mean_verdict(
    aspect: str, by_rater: Mapping[RaterKey, Sequence[tuple[float, float]]], tolerance: float
) -> Verdict:
    """The verdict on one aspect. `by_rater` has (score, confidence) for each rating of a rater."""
    # Averaged by rater first: somebody who rates an answer ten times still is one vote.
    scores = {rater: sum(score for score, _ in ratings) / len(ratings) for rater, ratings in by_rater.items()}
    confidences = {
        rater: sum(confidence for _, confidence in ratings) / len(ratings)
        for rater, ratings in by_rater.items()
    }
    score = sum(scores.values()) / len(scores)
    side = _side(score, tolerance)
    agreeing = [rater for rater, own_score in scores.items() if _side(own_score, tolerance) == side]
    return _verdict(aspect, score, agreeing, confidences)


def _side(score: float, tolerance: float) -> int:
    return (score > MIDDLE + tolerance) - (score < MIDDLE - tolerance)


def _verdict(
    aspect: str, score: float, agreeing: Sequence[RaterKey], confidences: Mapping[RaterKey, float]
) -> Verdict:
    """`confidences` has all raters who judged this, `agreeing` those on the side of the verdict."""
    agreement = len(agreeing) / len(confidences)
    confidence = sum(confidences[rater] for rater in agreeing) / len(agreeing) if agreeing else 0.0
    return Verdict(aspect, score, agreement, agreement * confidence, tuple(confidences))
