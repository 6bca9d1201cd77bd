"""Build the bodies of events as plain records from the SDK's keyword arguments.

Fields that the caller leaves out are left out of the record: the encoder fills in their defaults.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, SupportsFloat, TypedDict

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import Attachment, Model, Prompt, TokenUsage, ToolCall
from plaudit_schemas.contract.feedback import Rater
from plaudit_schemas.contract.field_types import Consent, MessageStatus, ValueKind
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    DECLINE_REVIEW,
    EXCLUDE_FROM_TRAINING,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
)
from plaudit_schemas.contract.records import refuse
from plaudit_schemas.contract.times import zoned_micros
from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.sdk.delivery import DeliveryCallback
from plaudit_producers.sdk.values import make_plain, plain_list, plain_or_unfit

NamedRecord = tuple[str, Record]
"""The body of an event, or the value of a feedback: its full schema name and its fields."""

Texts = Mapping[str, str]
Fields = Mapping[str, Any]
"""The fields of a model of the contract, such as `{"id": "r-1", "kind": "reviewer"}` for a Rater."""


class EventOptions(TypedDict, total=False):
    """Options that every event takes.

    Attributes:
        event_id: an id of your own makes a repeated call harmless: events with the same id count once.
        occurred_at: the time of the event, with a time zone; default now.
        on_delivery: called with this event's Delivery. It may be a DeliveryFuture.
    """

    event_id: str
    occurred_at: datetime
    on_delivery: DeliveryCallback | None


class ConversationFields(TypedDict, total=False):
    """Fields of `StartConversation`. A model or prompt that has only an id may be given as a string."""

    model: Model | Fields | str | None
    user_id: str | None
    variants: Texts
    consent: Consent
    tags: Texts
    prompt: Prompt | Fields | str | None
    tools: str | None
    parameters: str | None
    session: str | None
    continues: str | None
    task: str | None


class StartOptions(ConversationFields, EventOptions, total=False):
    """Keyword arguments of `start_conversation`."""


class UpdateOptions(EventOptions, total=False):
    """Fields of `UpdateConversation`."""

    user_id: str | None
    consent: Consent
    tags: Texts


class MessageOptions(EventOptions, total=False):
    """Fields of `AddMessage`.

    Attributes:
        parent_id: the message that this one answers or continues; an empty one makes a root. Left out, or
            None, it is the message before: see `Conversation.add_message`.
    """

    message_id: str
    parent_id: str | None
    reasoning: str | None
    tool_calls: Sequence[ToolCall | Fields]
    tool_call_id: str | None
    attachments: Sequence[Attachment | Fields]
    model: Model | Fields | str | None
    variants: Texts
    prompt: Prompt | Fields | str | None
    tools: str | None
    parameters: str | None
    latency_ms: int | None
    first_token_ms: int | None
    finish_reason: str | None
    usage: TokenUsage | Fields | None
    status: MessageStatus
    abstained: bool | None
    metadata: Texts
    author: Rater | Fields | None


class FeedbackOptions(EventOptions, total=False):
    """Fields of a feedback. The default rater is the conversation's user."""

    feedback_id: str
    rater: Rater | Fields | None
    rubric: str | None
    rubric_version: str | None
    item_id: str | None
    suggestion_shown: bool | None
    comment: str | None
    confidence: SupportsFloat | None


class CompareOptions(EventOptions, total=False):
    """Fields of `CompareMessages`, without candidates and ranking."""

    comparison_id: str
    none_acceptable: bool
    rater: Rater | Fields | None
    aspect: str
    comment: str | None
    strength: SupportsFloat | None
    confidence: SupportsFloat | None
    rubric: str | None
    rubric_version: str | None
    item_id: str | None
    suggestion_shown: bool | None


class DecisionOptions(EventOptions, total=False):
    """Who decides, and why. The default rater is the conversation's user."""

    rater: Rater | Fields | None
    reason: str


_ENVELOPE = frozenset(("event_id", "occurred_at", "on_delivery"))
_NAMED_BY_ID = ("model", "prompt")
_USER = {"kind": "user"}


def take_event_options(fields: dict[str, Any]) -> dict[str, Any]:
    """Remove the options that every event takes from `fields`, and return them."""
    # Most calls have none. This runs for every event, at up to 50,000 a second.
    if _ENVELOPE.isdisjoint(fields):
        return {}
    options = {name: fields.pop(name) for name in _ENVELOPE if name in fields}
    if "event_id" in options:
        options["event_id"] = plain_or_unfit(options["event_id"], "event_id")
    return options


def start_body(fields: dict[str, Any]) -> NamedRecord:
    return START_CONVERSATION, _name_by_id(make_plain(fields))


def update_body(fields: dict[str, Any]) -> NamedRecord:
    return UPDATE_CONVERSATION, make_plain(fields)


def message_body(role: str, content: str, fields: dict[str, Any]) -> NamedRecord:
    message_id = fields.pop("message_id", None) if fields else None
    # Not `message_id or new_ulid()`: an empty id must fail validation, not be replaced.
    body = {"message_id": new_ulid() if message_id is None else message_id, "role": role, "content": content}
    if fields:
        body.update(fields)
        return ADD_MESSAGE, _name_by_id(make_plain(body))
    return ADD_MESSAGE, make_plain(body)


def feedback_body(
    message_id: str | None, aspect: str, kind: ValueKind, value: NamedRecord | None, fields: dict[str, Any]
) -> NamedRecord:
    feedback_id, rater = fields.pop("feedback_id", None), fields.pop("rater", None)
    said = make_plain(
        {"id": new_ulid() if feedback_id is None else feedback_id, "aspect": aspect, "kind": kind, **fields}
    )
    given = None if value is None else (value[0], make_plain(value[1]))
    # A signal is withdrawn by its name, so the name is also a field of the feedback.
    if given is not None and kind == "signal":
        said["signal"] = given[1]["name"]
    feedback = {"rater": _rater(rater), "value": given, **said}
    return UPDATE_MESSAGE, {"message_id": plain_or_unfit(message_id, "message_id"), "feedback": feedback}


def exclude_body(fields: dict[str, Any]) -> NamedRecord:
    rater = fields.pop("rater", None)
    return EXCLUDE_FROM_TRAINING, {**make_plain(fields), "rater": _rater(rater)}


def decline_body(fields: dict[str, Any]) -> NamedRecord:
    rater = fields.pop("rater", None)
    return DECLINE_REVIEW, {**make_plain(fields), "rater": _rater(rater)}


def compare_body(
    candidates: Sequence[str], ranking: Sequence[str | Sequence[str]], fields: dict[str, Any]
) -> NamedRecord:
    comparison_id, rater = fields.pop("comparison_id", None), fields.pop("rater", None)
    groups = plain_list(ranking, "ranking")
    if isinstance(groups, list):
        groups = [[group] if isinstance(group, str) else group for group in groups]
    body = {
        "comparison_id": new_ulid() if comparison_id is None else comparison_id,
        "candidates": plain_list(candidates, "candidates"),
        "ranking": groups,
        **fields,
    }
    return COMPARE_MESSAGES, {**make_plain(body), "rater": _rater(rater)}


def micros_of_zoned(occurred_at: Any) -> int:
    """Convert a time with a time zone to microseconds since 1970.

    Raises:
        InvalidEventError: it is no datetime with a time zone, or lies outside the years 1 to 9999 in UTC.
    """
    try:
        return zoned_micros(occurred_at)
    except ValueError as error:
        refuse("occurred_at", str(error))


def _rater(rater: Any) -> Any:
    # All events share this dict. That is safe: code that changes a record copies it first.
    if rater is None:
        return _USER
    plain = plain_or_unfit(rater, "rater")
    return {"kind": "user", **plain} if isinstance(plain, dict) else plain


def _name_by_id(fields: Record) -> Record:
    """Make a record of a model or a prompt that is given as a text."""
    for name in _NAMED_BY_ID:
        if isinstance(fields.get(name), str):
            fields[name] = {"id": fields[name]}
    return fields
