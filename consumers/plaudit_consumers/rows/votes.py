"""Votes: what one rater says about an answer or a pair. The fields are those of `unit_schema.VOTE`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from plaudit_consumers.rows.unit_schema import Origin


class RaterKey(NamedTuple):
    """Identifies a rater. Votes with the same key come from one rater.

    Attributes:
        application: ids are those of an application.
        conversation: set for a person without an id, who is somebody else in each conversation.
    """

    application: str
    kind: str
    id: str | None
    version: str | None
    conversation: str | None


class Vote(NamedTuple):
    """One vote.

    Attributes:
        score: from 0 to 1. Of an answer, 1 is best. Of a pair, 1 prefers the first answer, 0 the second, and
            0.5 neither.
        confidence: of the rater, from 0 to 1; 1 if none was given.
        strength: how clear the vote is, from 0 to 1; None where nobody said.
        raters: how many raters the score is the mean of.
        occurred_us: event time in microseconds; None if no reader could hold it.
        finished_us, source_partition, source_offset: when the conversation finished, and the event that
            finished it.
        judgement: the number of the judgement in its conversation: first the feedback, then the comparisons.
            None for a vote that ratings imply.
        adjudicated: whether it settles what reviewers disagree on.
    """

    rater_application: str
    rater_kind: str
    rater_id: str | None
    rater_version: str | None
    rater_conversation: str | None
    aspect: str
    score: float
    confidence: float
    strength: float | None
    raters: int
    origin: Origin
    occurred_us: int | None
    finished_us: int
    source_partition: int
    source_offset: int
    judgement: int | None
    adjudicated: bool = False

    @property
    def rater(self) -> RaterKey:
        return RaterKey(*self[:5])

    def order(self) -> tuple[Any, ...]:
        """A key that puts votes in the order in which they were given, whatever order they come in.

        The event time decides, then the log. A vote without an event time comes first.
        """
        is_timed = self.occurred_us is not None
        judgement = -1 if self.judgement is None else self.judgement
        log = (self.finished_us, self.source_partition, self.source_offset, judgement)
        strength = -1.0 if self.strength is None else self.strength
        said = (self.score, self.confidence, self.raters, strength, self.origin)
        return (is_timed, self.occurred_us or 0, *log, *said)


def read_votes(items: Iterable[Mapping[str, Any]]) -> list[Vote]:
    """The votes of a unit, from the dicts that Arrow or DuckDB give."""
    return [Vote(**item) for item in items]


def latest_votes(votes: Iterable[Vote]) -> list[Vote]:
    """Each rater's latest vote in each aspect, in a fixed order."""
    latest: dict[tuple[RaterKey, str], Vote] = {}
    for vote in votes:
        key = (vote.rater, vote.aspect)
        known = latest.get(key)
        if known is None or known.order() < vote.order():
            latest[key] = vote
    return sorted(latest.values(), key=_place)


def mean_score(votes: Sequence[Vote]) -> float:
    """The mean score, where the mean of N raters counts N times; there must be at least one vote."""
    return sum(vote.score * vote.raters for vote in votes) / sum(vote.raters for vote in votes)


def mean_strength(votes: Sequence[Vote]) -> float | None:
    """The mean strength of the votes that have one, each as often as `mean_score` counts it."""
    known = [(vote.strength, vote.raters) for vote in votes if vote.strength is not None]
    raters = sum(count for _, count in known)
    return sum(strength * count for strength, count in known) / raters if raters else None


def _place(vote: Vote) -> tuple[str, ...]:
    return (vote.aspect, *(part or "" for part in vote.rater))
