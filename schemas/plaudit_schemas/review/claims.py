"""What reviewers do to a queue, and what they get."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple

from plaudit_schemas.review.changes import Answers, MachineWords, Reason
from plaudit_schemas.review.targets import ReviewTarget

SubmitOutcome = Literal["answered", "surplus", "repeated", "gone"]
"""answered: it fills a slot. surplus: others had filled them all; it is kept and marked. repeated: this
submission is known. gone: the item does not exist (any more)."""


class ClaimedItem(NamedTuple):
    """An item that is kept for a reviewer.

    Attributes:
        reasons: why it is an item. Not for the reviewer's eyes.
        context: see `NewItem`.
        lease_until_ms: by Redis' clock.
        lease_ms: how long that is from now.
    """

    id: str
    target: ReviewTarget
    reasons: tuple[Reason, ...]
    context: bytes
    lease_until_ms: int
    lease_ms: int


class QueueProgress(NamedTuple):
    """How far a queue is. Control items are in none of these.

    Attributes:
        items: all that exist.
        done: with as many verdicts as the rubric's overlap.
        verdicts: that fill a slot; `surplus` those beside.
        leased: slots that are kept for somebody now.
        by_reason: reason -> (items, done).
        declined: items that somebody declined.
        ready: whether reviewers may work: the queue has what the log said when it was last built.
    """

    items: int
    done: int
    verdicts: int
    surplus: int
    leased: int
    declined: int
    by_reason: Mapping[Reason, tuple[int, int]]
    ready: bool = True


class ReviewedItem(NamedTuple):
    """An item with what was said of it, for figures and exports.

    Attributes:
        verdicts: reviewer -> answers, those that fill a slot.
        surplus: likewise, the others.
        adjudicated: adjudicator -> answers; empty if nobody settled it.
        declined: reviewer -> reason.
        answered_ms: reviewer -> when the verdict, or the surplus one, was given, in milliseconds since 1970.
        machine: what models had said when the newest verdict came.
    """

    id: str
    target: ReviewTarget
    reasons: tuple[Reason, ...]
    verdicts: Mapping[str, Answers]
    surplus: Mapping[str, Answers]
    adjudicated: Mapping[str, Answers]
    declined: Mapping[str, str]
    answered_ms: Mapping[str, int] = MappingProxyType({})
    machine: MachineWords = MappingProxyType({})


class ClaimRules(NamedTuple):
    """How items are given to a reviewer.

    Attributes:
        lease_ms: how long an item is kept.
        control_share: the share of control items, at most a half.
    """

    lease_ms: int
    control_share: float = 0.0


class ReviewerProgress(NamedTuple):
    """How far a reviewer is. Control items count, or the reviewer could tell them, but not as random ones.

    Attributes:
        leased: items that are kept for the reviewer now.
        random_offered: items of the random share that the reviewer has seen, or answered elsewhere.
        last_item: the one answered last; None if there is none that could be undone.
    """

    answered: int
    declined: int
    leased: int
    random_offered: int
    random_answered: int
    last_item: str | None


class FoundItem(NamedTuple):
    """An item as it stands, without a claim.

    Attributes:
        context: see `NewItem`.
        submissions: reviewer -> the submission of the answers; absent if only the log knows them.
    """

    reviewed: ReviewedItem
    context: bytes
    submissions: Mapping[str, str]
