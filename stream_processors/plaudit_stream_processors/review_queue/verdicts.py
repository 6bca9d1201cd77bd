"""What the log says of items: verdicts, adjudications, declines. Pure."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    DECLINE_REVIEW,
    EXCLUDE_FROM_TRAINING,
    UPDATE_MESSAGE,
)
from plaudit_schemas.contract.ratings import share_of_scale
from plaudit_schemas.review.answers import NamedBody
from plaudit_schemas.review.changes import LoggedDecline, LoggedVerdict
from plaudit_schemas.review.logged_answers import AnswerOrigin, answer_of, origin_of
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.targets import ADJUDICATION, ReviewTarget, item_of_adjudication

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.fold.facts import excluded
from plaudit_stream_processors.review_queue.acceptance import AcceptedEvent

Body = dict[str, Any]
Machine = dict[str, dict[str, float | list[str]]]

_SAYING: Final = (UPDATE_MESSAGE, COMPARE_MESSAGES, ADD_MESSAGE, DECLINE_REVIEW, EXCLUDE_FROM_TRAINING)


class SaidOfItem(NamedTuple):
    """What an event says of an item of a rubric.

    Attributes:
        item: that is judged, also where it is settled.
        settles: whether it is an adjudicator's word.
        words: the question answered, or the decline; None where the event's word does not hold.
    """

    item: str
    settles: bool
    words: LoggedVerdict | LoggedDecline | None


def said_of_item(rubric: Rubric, accepted: AcceptedEvent) -> SaidOfItem | None:
    """What an event says of an item under this version of a rubric, or one that it continues."""
    name, fields = accepted.event["body"]
    if name not in _SAYING:
        return None
    body = (name, fields)
    if name == EXCLUDE_FROM_TRAINING:
        written = accepted.state.messages.get(fields.get("message_id", ""))
        if written is None:
            return None
        body = (ADD_MESSAGE, written)
    origin = origin_of(body)
    if origin is None or not _counts(rubric, origin):
        return None
    settles = origin.item.startswith(ADJUDICATION)
    item = item_of_adjudication(origin.item) if settles else origin.item
    if name == DECLINE_REVIEW:
        decline = LoggedDecline(item, origin.reviewer, fields.get("reason", ""), accepted.offset)
        return SaidOfItem(item, settles, decline)
    return SaidOfItem(item, settles, _verdict(rubric, accepted, body, origin, item))


def machine_words(state: ConversationState, target: ReviewTarget | None) -> Machine:
    """What models say of a target by now; empty of one that has several messages."""
    if target is None or target.kind in ("answers", "topic"):
        return {}
    found: Machine = {}
    for slot in state.slots_of.get(target.message_id, ()):
        feedback = state.feedback[slot]["feedback"]
        rater = feedback["rater"]
        value = _machine_value(feedback) if rater["kind"] == "model" else None
        if value is not None:
            version = rater.get("version")
            name = f"{rater.get('id', '')}:{version}" if version else rater.get("id", "")
            found.setdefault(name, {})[feedback["aspect"]] = value
    return found


def _counts(rubric: Rubric, origin: AnswerOrigin) -> bool:
    return origin.rubric == rubric.name and origin.version in (rubric.version, *rubric.continues)


def _verdict(
    rubric: Rubric, accepted: AcceptedEvent, body: NamedBody, origin: AnswerOrigin, item: str
) -> LoggedVerdict | None:
    answered = answer_of(rubric, body)
    if answered is None or _is_overruled(rubric, accepted, origin):
        return None
    question, answer = answered
    if body[0] == ADD_MESSAGE and body[1].get("message_id") in excluded(accepted.state):
        answer = None
    return LoggedVerdict(
        item, origin.reviewer, {question: answer}, accepted.offset, accepted.arrived_ms,
        origin.suggestion_shown,
    )  # fmt: skip


def _is_overruled(rubric: Rubric, accepted: AcceptedEvent, origin: AnswerOrigin) -> bool:
    """Whether another event about the same item holds in the slot: its own record says so.

    A word on another item in the slot, as of another rubric, takes nothing away from this one.
    """
    name, fields = accepted.event["body"]
    entity = _entity(accepted.state, name, fields, accepted.event["event_id"])
    if entity is None or entity.get("event_id") in (None, accepted.event["event_id"]):
        return False
    holder = origin_of((name, {"feedback": entity["feedback"]} if name == UPDATE_MESSAGE else dict(entity)))
    return holder is not None and holder.item == origin.item and _counts(rubric, holder)


def _entity(state: ConversationState, name: str, fields: Body, event_id: str) -> Mapping[str, Any] | None:
    """The entity of the state that an event went into; None if there is none."""
    if name == COMPARE_MESSAGES:
        return state.comparisons.get(fields["comparison_id"])
    if name != UPDATE_MESSAGE:
        return None
    slots = state.slots_of.get(fields.get("message_id", ""), ())
    return next((state.feedback[slot] for slot in slots if event_id in state.feedback[slot]["events"]), None)


def _machine_value(feedback: Body) -> float | list[str] | None:
    if "value" not in feedback:
        return None
    kind, value = feedback["kind"], feedback["value"][1]
    if kind == "thumb":
        return 1.0 if value["like"] else 0.0
    if kind == "number":
        return share_of_scale(value["number"], value["minimum"], value["maximum"])
    return sorted(set(value["labels"])) if kind == "label" else None
