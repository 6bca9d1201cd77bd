"""What the log does to a queue, as the review agent finds it and Redis applies it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from plaudit_schemas.review.targets import ReviewTarget

Reason = Literal["random", "unsure", "disliked", "disagreement", "everything", "control", "sent", "answered"]
"""Why something is an item. sent: a person sent it. answered: the log has a verdict on it."""
Answers = Mapping[str, Any]
"""Question -> answer, in the form of `answers`."""
MachineWords = Mapping[str, Mapping[str, float | list[str]]]
"""Model, as `id` or `id:version` -> aspect -> what it said of an item: a share of its scale from 0 to 1, or
its labels."""


class NewItem(NamedTuple):
    """An item that exists from now on. Adding it again only adds reasons.

    Attributes:
        reasons: why, at least one.
        order: items with smaller numbers come first; milliseconds since 1970, moved by urgency.
        context: what reviewers see where the live conversation has expired: the document of the conversation
            as JSON, with the messages that the item needs.
    """

    id: str
    target: ReviewTarget
    reasons: tuple[Reason, ...]
    order: int
    context: bytes


class LoggedVerdict(NamedTuple):
    """What a reviewer's feedback in the log says of some questions of an item, in the order of the log.

    A submission's events may come in several batches, so the queue joins them: a question that is not in
    `answers` stays as it is.

    Attributes:
        reviewer: the rater id, as the log has it.
        answers: None withdraws the answer to a question. Where no answer is left, the reviewer's slot is free
            again.
        offset: of the newest record that changed it.
        suggestion_shown: whether the reviewer saw a suggestion; None if nobody knows.
        machine: what models had said of the item by then.
    """

    item: str
    reviewer: str
    answers: Answers
    offset: int
    answered_ms: int
    suggestion_shown: bool | None = None
    machine: MachineWords = MappingProxyType({})


class LoggedDecline(NamedTuple):
    """A reviewer's decline in the log."""

    item: str
    reviewer: str
    reason: str
    offset: int


@dataclass(frozen=True, slots=True)
class QueueChanges:
    """What one batch of one partition does to one queue.

    Attributes:
        items: new ones. Verdicts and declines may be on items of the same batch.
        adjudications: as verdicts, with the item that was settled (not the id that begins with ADJUDICATION).
        erased: ids of conversations whose items vanish.
    """

    items: Sequence[NewItem] = ()
    verdicts: Sequence[LoggedVerdict] = ()
    adjudications: Sequence[LoggedVerdict] = ()
    declines: Sequence[LoggedDecline] = ()
    erased: Sequence[str] = field(default=())


class QueueRules(NamedTuple):
    """What a rubric says of its queue.

    Attributes:
        overlap: how many reviewers judge each item.
        controls: the ids of control items.
    """

    overlap: int
    controls: frozenset[str] = frozenset()
