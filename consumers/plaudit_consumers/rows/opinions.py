"""What the votes on one aspect say together, by the way in which a snapshot resolves votes. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from plaudit_consumers.rows.settings import TOLERANCE, RowRules
from plaudit_consumers.rows.votes import Vote, mean_score

MIDDLE: Final = 0.5


class Opinion(NamedTuple):
    """The votes on one aspect, of which there is at least one.

    Attributes:
        votes: all that count, one for each rater.
        deciding: those that decide: all, or those of adjudicators.
        posterior: how likely the upper side is the true one; None where the votes decide as they are.
    """

    votes: Sequence[Vote]
    deciding: Sequence[Vote]
    posterior: float | None = None

    def score(self) -> float:
        """From 0 to 1: the mean of the votes, or the posterior."""
        return mean_score(self.deciding) if self.posterior is None else self.posterior

    def side(self) -> int:
        """1 if more votes, or the posterior, are above the middle, -1 below, 0 if neither."""
        if self.posterior is not None:
            return side_of(self.posterior)
        lead = sum(side_of(vote.score) * vote.raters for vote in self.deciding)
        return (lead > 0) - (lead < 0)

    def agreement(self, side: int) -> float:
        """The share of the deciding votes on a side, or how likely that side is the true one."""
        if self.posterior is None:
            return raters(self.agreeing(side)) / raters(self.deciding)
        return max(self.posterior, 1 - self.posterior) if not side else abs((side < 0) - self.posterior)

    def agreeing(self, side: int) -> list[Vote]:
        """The deciding votes on a side."""
        return [vote for vote in self.deciding if side_of(vote.score) == side]


def opinions(
    votes: Sequence[Vote], rules: RowRules, posteriors: Mapping[str, float] | None = None
) -> dict[str, Opinion]:
    """Aspect -> what its votes say.

    Args:
        votes: one for each rater and aspect, in a fixed order.
        posteriors: aspect -> how likely the upper side is the true one. An aspect without one, because all
            its votes are in the middle, is decided by its votes.
    """
    by_aspect: dict[str, list[Vote]] = {}
    for vote in votes:
        by_aspect.setdefault(vote.aspect, []).append(vote)
    known = posteriors or {}
    return {
        aspect: Opinion(each, _deciding(each, rules), known.get(aspect)) for aspect, each in by_aspect.items()
    }


def side_of(score: float) -> int:
    """1 above the middle, -1 below it, 0 in it."""
    return (score > MIDDLE + TOLERANCE) - (score < MIDDLE - TOLERANCE)


def raters(votes: Iterable[Vote]) -> int:
    """How many raters gave the votes; the mean of N raters is N."""
    return sum(vote.raters for vote in votes)


def _deciding(votes: Sequence[Vote], rules: RowRules) -> Sequence[Vote]:
    settled = [vote for vote in votes if vote.adjudicated] if rules.resolve == "adjudicated" else []
    return settled or votes
