"""Votes on a pair that ratings of its two answers imply. Pure."""

from collections.abc import Mapping, Sequence

from plaudit_consumers.rows.settings import reaches
from plaudit_consumers.rows.votes import RaterKey, Vote, latest_votes, mean_score


def sibling_votes(first: Sequence[Vote], second: Sequence[Vote], min_gap: float) -> list[Vote]:
    """A vote of each rater in each aspect in which both answers were rated.

    A rater of one answer alone is held against the mean of the other answer's raters. A smaller difference
    than `min_gap` is a vote for neither.

    Args:
        first, second: the ratings of the two answers, from one conversation.
    """
    ratings = [_by_aspect(votes) for votes in (first, second)]
    return [
        vote
        for aspect in ratings[0]
        if aspect in ratings[1]
        for vote in _votes(ratings[0][aspect], ratings[1][aspect], min_gap)
    ]


def _by_aspect(votes: Sequence[Vote]) -> dict[str, dict[RaterKey, Vote]]:
    found: dict[str, dict[RaterKey, Vote]] = {}
    for vote in latest_votes(votes):
        found.setdefault(vote.aspect, {})[vote.rater] = vote
    return found


def _votes(first: Mapping[RaterKey, Vote], second: Mapping[RaterKey, Vote], min_gap: float) -> list[Vote]:
    means = [mean_score(list(each.values())) for each in (first, second)]
    made = []
    for rater in dict.fromkeys([*first, *second]):
        own = [each[rater] for each in (first, second) if rater in each]
        scores = [
            each[rater].score if rater in each else mean
            for each, mean in zip((first, second), means, strict=True)
        ]
        gap = scores[0] - scores[1]
        is_clear = reaches(abs(gap), min_gap)
        made.append(
            max(own, key=Vote.order)._replace(
                score=float(gap > 0) if is_clear else 0.5,
                strength=abs(gap) if is_clear else None,
                confidence=sum(vote.confidence for vote in own) / len(own),
                raters=min(vote.raters for vote in own),
                origin="sibling_ratings",
                judgement=None,
                adjudicated=all(vote.adjudicated for vote in own),
            )
        )
    return made
