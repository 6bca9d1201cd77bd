"""Decides what all votes on an answer or a pair say together. docs/datasets.md has the rules in words.

The votes may come from many conversations. Their order does not matter.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from plaudit_consumers.rows.opinions import Opinion, opinions, raters, side_of
from plaudit_consumers.rows.reasons import VoteReason
from plaudit_consumers.rows.settings import TOLERANCE, RowRules, reaches
from plaudit_consumers.rows.unit_schema import Origin, UnitKind
from plaudit_consumers.rows.votes import RaterKey, Vote, latest_votes, mean_strength

RowOrigin = Literal["rating", "correction", "comparison", "sibling_ratings", "demonstration"]


class Verdict(NamedTuple):
    """What the votes say, as the columns of a training row.

    Attributes:
        origin: where the votes come from; of several, the most explicit one.
        aspect: the aspect that decided; None for a demonstration.
        raters: all who were counted, in a fixed order.
        votes: how many raters that is, where a mean of N raters counts as N.
        agreement: the share of votes on the verdict's side, or how likely it is the true one; None for a
            demonstration.
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


def counted_votes(votes: Sequence[Vote], kind: UnitKind) -> list[Vote]:
    """The votes on one thing that count: each rater's latest in each aspect, in a fixed order.

    An explicit vote on a pair overrules all votes that ratings imply.
    """
    explicit = [vote for vote in votes if vote.origin != "sibling_ratings"]
    return latest_votes(votes if kind == "answer" else explicit or votes)


def resolve_answer(
    votes: Sequence[Vote],
    rules: RowRules,
    *,
    corrected: bool = False,
    demonstration: bool = False,
    empty: bool = False,
    posteriors: Mapping[str, float] | None = None,
) -> AnswerVerdict:
    """Decide on an answer.

    Args:
        votes: of all units with the same key.
        corrected: whether one of these units was corrected.
        demonstration: whether one of these units is a demonstration.
        empty: whether the answer has neither text nor calls.
        posteriors: aspect -> how likely the answer is good, where this and not the votes decides.
    """
    ratings = latest_votes(vote for vote in votes if vote.origin == "rating")
    written = latest_votes(vote for vote in votes if vote.origin == "correction")
    sft: Verdict | VoteReason
    if empty or corrected:
        sft = "empty_answer" if empty else "corrected"
    elif not votes:
        sft = _DEMONSTRATION if demonstration else "unrated"
    else:
        sft = _target(opinions(counted_votes(votes, "answer"), rules, posteriors), rules)
    labelled = _labelled(opinions(ratings, rules, posteriors), rules)
    return AnswerVerdict(sft, labelled, len(votes) - len(ratings) - len(written))


def resolve_pair(
    votes: Sequence[Vote], rules: RowRules, posteriors: Mapping[str, float] | None = None
) -> PairVerdict:
    """Decide on a pair.

    Args:
        votes: of all units with the same key.
        posteriors: aspect -> how likely the first answer is the better one, where this and not the votes
            decides.
    """
    counted = counted_votes(votes, "pair")
    return PairVerdict(_preferred(opinions(counted, rules, posteriors), rules), len(votes) - len(counted))


_DEMONSTRATION: Final = Verdict("demonstration", None, (), 0, None, None, None, near_tie=False)
_EXPLICIT_FIRST: Final[tuple[Origin, ...]] = ("comparison", "correction", "rating", "sibling_ratings")


def _target(found: Mapping[str, Opinion], rules: RowRules) -> Verdict | VoteReason:
    score, verdict = _worst_aspect(found, rules)
    if isinstance(verdict, str):
        return verdict
    return verdict if reaches(score, rules.sft_min_score) else "below_threshold"


def _labelled(found: Mapping[str, Opinion], rules: RowRules) -> Verdict | VoteReason:
    if not found:
        return "unrated"
    score, verdict = _worst_aspect(found, rules)
    if isinstance(verdict, str):
        return verdict
    # An answer between the two scores is neither good nor bad. Where they are equal, it is good at both.
    label = reaches(score, rules.kto_good_score)
    if not label and not reaches(rules.kto_bad_score, score):
        return "between_thresholds"
    return verdict._replace(label=label)


def _worst_aspect(found: Mapping[str, Opinion], rules: RowRules) -> tuple[float, Verdict | VoteReason]:
    """The lowest score of an aspect, and its verdict."""
    scores = {aspect: opinion.score() for aspect, opinion in found.items()}
    worst = min(scores.values())
    # The first in order of those that are equal, as far as floating point can tell.
    aspect = next(name for name, score in scores.items() if score <= worst + TOLERANCE)
    return scores[aspect], _verdict(
        found[aspect], side_of(scores[aspect]), abs(2 * scores[aspect] - 1), rules
    )


def _preferred(found: Mapping[str, Opinion], rules: RowRules) -> Verdict | VoteReason:
    decided = [(side, opinion) for opinion in found.values() if (side := opinion.side())]
    sides = {side for side, _ in decided}
    if len(sides) > 1:
        return "aspects_disagree"
    if not decided:
        return "tie"
    side = sides.pop()
    # The aspect with the least agreement speaks for all, as the worst one does for an answer.
    weakest = min((opinion for _, opinion in decided), key=lambda opinion: opinion.agreement(side))
    verdict = _verdict(weakest, side, mean_strength(weakest.agreeing(side)), rules)
    if isinstance(verdict, str):
        return verdict
    return verdict._replace(chosen="first" if side > 0 else "second")


def _verdict(opinion: Opinion, side: int, strength: float | None, rules: RowRules) -> Verdict | VoteReason:
    """The verdict of an opinion on one aspect, of which `side` won."""
    votes, agreement = opinion.votes, opinion.agreement(side)
    if raters(votes) < rules.min_raters:
        return "too_few_raters"
    if not side and any(side_of(vote.score) for vote in opinion.deciding):
        return "tie"
    if not reaches(agreement, rules.min_agreement):
        return "too_little_agreement"
    # A posterior may speak against all who voted.
    agreeing = opinion.agreeing(side) or opinion.deciding
    confidence = sum(vote.confidence * vote.raters for vote in agreeing) / raters(agreeing)
    origin = next(each for each in _EXPLICIT_FIRST if any(vote.origin == each for vote in votes))
    return Verdict(
        origin=origin,
        aspect=votes[0].aspect,
        raters=tuple(vote.rater for vote in votes),
        votes=raters(votes),
        agreement=agreement,
        vote_weight=agreement * confidence,
        vote_strength=None if origin == "correction" else strength,
        near_tie=not reaches(agreement, rules.near_tie),
    )
