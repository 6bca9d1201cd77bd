"""Decides what all votes on an answer or a pair say together. docs/datasets.md has the rules in words.

The votes may come from many conversations. Their order does not matter.
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

from plaudit_consumers.rows.reasons import VoteReason
from plaudit_consumers.rows.settings import TOLERANCE, RowRules, reaches
from plaudit_consumers.rows.unit_schema import Origin
from plaudit_consumers.rows.votes import RaterKey, Vote, latest_votes, mean_score, mean_strength

MIDDLE: Final = 0.5
RowOrigin = Literal["rating", "correction", "comparison", "sibling_ratings", "demonstration"]


class Verdict(NamedTuple):
    """What the votes say, as the columns of a training row.

    Attributes:
        origin: where the votes come from; of several, the most explicit one.
        aspect: the aspect that decided; None for a demonstration.
        raters: all who were counted, in a fixed order.
        votes: how many raters that is, where a mean of N raters counts as N.
        agreement: the share of votes on the verdict's side; None for a demonstration.
        vote_weight: agreement times the mean confidence of those votes; None for a demonstration.
        vote_strength: how clear the votes are, from 0 to 1; None where nobody can say, as of a correction.
        near_tie: whether the agreement is below `RowRules.near_tie`.
        label: the label of KTO; None in other rows.
        chosen: which answer of a pair is better; None for an answer.
    """

    origin: RowOrigin
    aspect: str | None
    raters: tuple[RaterKey, ...]
    votes: int
    agreement: float | None
    vote_weight: float | None
    vote_strength: float | None
    near_tie: bool
    label: bool | None = None
    chosen: Literal["first", "second"] | None = None


class AnswerVerdict(NamedTuple):
    """The rows of an answer, each a verdict or the reason why there is none.

    Attributes:
        superseded: how many votes a later vote of the same rater replaced.
    """

    sft: Verdict | VoteReason
    kto: Verdict | VoteReason
    superseded: int


class PairVerdict(NamedTuple):
    """The row of a pair.

    Attributes:
        superseded: how many votes were replaced by a later vote of the same rater, or, where they are implied
            by ratings, by explicit ones.
    """

    preference: Verdict | VoteReason
    superseded: int


def resolve_answer(
    votes: Sequence[Vote],
    rules: RowRules,
    *,
    corrected: bool = False,
    demonstration: bool = False,
    empty: bool = False,
) -> AnswerVerdict:
    """Decide on an answer.

    Args:
        votes: of all units with the same key.
        corrected: whether one of these units was corrected.
        demonstration: whether one of these units is a demonstration.
        empty: whether the answer has neither text nor calls.
    """
    ratings = latest_votes(vote for vote in votes if vote.origin == "rating")
    written = latest_votes(vote for vote in votes if vote.origin == "correction")
    sft: Verdict | VoteReason
    if empty or corrected:
        sft = "empty_answer" if empty else "corrected"
    elif not votes:
        sft = _DEMONSTRATION if demonstration else "unrated"
    else:
        sft = _target(latest_votes([*ratings, *written]), rules)
    return AnswerVerdict(sft, _labelled(ratings, rules), len(votes) - len(ratings) - len(written))


def resolve_pair(votes: Sequence[Vote], rules: RowRules) -> PairVerdict:
    """Decide on a pair. An explicit vote overrules all votes that ratings imply.

    Args:
        votes: of all units with the same key.
    """
    explicit = [vote for vote in votes if vote.origin != "sibling_ratings"]
    counted = latest_votes(explicit or votes)
    return PairVerdict(_preferred(counted, rules), len(votes) - len(counted))


_DEMONSTRATION: Final = Verdict("demonstration", None, (), 0, None, None, None, near_tie=False)
_EXPLICIT_FIRST: Final[tuple[Origin, ...]] = ("comparison", "correction", "rating", "sibling_ratings")


def _target(votes: Sequence[Vote], rules: RowRules) -> Verdict | VoteReason:
    score, verdict = _worst_aspect(votes, rules)
    if isinstance(verdict, str):
        return verdict
    return verdict if reaches(score, rules.sft_min_score) else "below_threshold"


def _labelled(votes: Sequence[Vote], rules: RowRules) -> Verdict | VoteReason:
    if not votes:
        return "unrated"
    score, verdict = _worst_aspect(votes, rules)
    if isinstance(verdict, str):
        return verdict
    # An answer between the two scores is neither good nor bad. Where they are equal, it is good at both.
    label = reaches(score, rules.kto_good_score)
    if not label and not reaches(rules.kto_bad_score, score):
        return "between_thresholds"
    return verdict._replace(label=label)


def _worst_aspect(votes: Sequence[Vote], rules: RowRules) -> tuple[float, Verdict | VoteReason]:
    """The lowest mean score of an aspect, and its verdict."""
    aspects = _by_aspect(votes)
    scores = {aspect: mean_score(of_aspect) for aspect, of_aspect in aspects.items()}
    worst = min(scores.values())
    # The first in order of those that are equal, as far as floating point can tell.
    aspect = next(name for name, score in scores.items() if score <= worst + TOLERANCE)
    side = _side(scores[aspect])
    return scores[aspect], _verdict(aspects[aspect], side, abs(2 * scores[aspect] - 1), rules)


def _preferred(votes: Sequence[Vote], rules: RowRules) -> Verdict | VoteReason:
    decided = []
    for of_aspect in _by_aspect(votes).values():
        lead = sum(_side(vote.score) * vote.raters for vote in of_aspect)
        if lead:
            decided.append((1 if lead > 0 else -1, of_aspect))
    sides = {side for side, _ in decided}
    if len(sides) > 1:
        return "aspects_disagree"
    if not decided:
        return "tie"
    side = sides.pop()
    # The aspect with the least agreement speaks for all, as the worst one does for an answer.
    weakest = min((of_aspect for _, of_aspect in decided), key=lambda votes: _agreement(votes, side))
    strength = mean_strength([vote for vote in weakest if _side(vote.score) == side])
    verdict = _verdict(weakest, side, strength, rules)
    if isinstance(verdict, str):
        return verdict
    return verdict._replace(chosen="first" if side > 0 else "second")


def _by_aspect(votes: Sequence[Vote]) -> dict[str, list[Vote]]:
    found: dict[str, list[Vote]] = {}
    for vote in votes:
        found.setdefault(vote.aspect, []).append(vote)
    return found


def _side(score: float) -> int:
    return (score > MIDDLE + TOLERANCE) - (score < MIDDLE - TOLERANCE)


def _agreement(votes: Sequence[Vote], side: int) -> float:
    return _raters(vote for vote in votes if _side(vote.score) == side) / _raters(votes)


def _raters(votes: Iterable[Vote]) -> int:
    return sum(vote.raters for vote in votes)


def _verdict(
    votes: Sequence[Vote], side: int, strength: float | None, rules: RowRules
) -> Verdict | VoteReason:
    """The verdict of the votes on one aspect, of which those on `side` won."""
    total, agreement = _raters(votes), _agreement(votes, side)
    if total < rules.min_raters:
        return "too_few_raters"
    if not side and any(_side(vote.score) for vote in votes):
        return "tie"
    if not reaches(agreement, rules.min_agreement):
        return "too_little_agreement"
    agreeing = [vote for vote in votes if _side(vote.score) == side]
    confidence = sum(vote.confidence * vote.raters for vote in agreeing) / max(1, _raters(agreeing))
    origin = next(each for each in _EXPLICIT_FIRST if any(vote.origin == each for vote in votes))
    return Verdict(
        origin=origin,
        aspect=votes[0].aspect,
        raters=tuple(vote.rater for vote in votes),
        votes=total,
        agreement=agreement,
        vote_weight=agreement * confidence,
        vote_strength=None if origin == "correction" else strength,
        near_tie=not reaches(agreement, rules.near_tie),
    )
