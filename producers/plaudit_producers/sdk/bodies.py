"""Build the bodies of events as plain records from the SDK's keyword arguments.

Fields that the caller leaves out are left out of the record: the encoder fills in their defaults.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import Attachment, Model, Prompt, TokenUsage, ToolCall
from plaudit_schemas.contract.feedback import Rater
from plaudit_schemas.contract.field_types import Consent, Contract, MessageStatus, ValueKind
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
)
from plaudit_schemas.contract.times import micros
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.sdk.delivery import DeliveryCallback

NamedRecord = tuple[str, Record]
"""The body of an event, or the value of a feedback: its full schema name and its fields."""


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

    model: Model | str | None
    user_id: str | None
    variants: dict[str, str]
    consent: Consent
    tags: dict[str, str]
    prompt: Prompt | str | None
    tools: str | None
    parameters: str | None
    session: str | None
    continues: str | None


class StartOptions(ConversationFields, EventOptions, total=False):
    """Keyword arguments of `start_conversation`."""


class UpdateOptions(EventOptions, total=False):
    """Fields of `UpdateConversation`."""

    user_id: str | None
    consent: Consent
    tags: dict[str, str]


class MessageOptions(EventOptions, total=False):
    """Fields of `AddMessage`. A `parent_id` of None is the previous message; an empty one makes a root."""

    message_id: str
    parent_id: str | None
    reasoning: str | None
    tool_calls: Sequence[ToolCall]
    tool_call_id: str | None
    attachments: Sequence[Attachment]
    model: Model | str | None
    variants: dict[str, str]
    prompt: Prompt | str | None
    tools: str | None
    parameters: str | None
    latency_ms: int | None
    first_token_ms: int | None
    finish_reason: str | None
    usage: TokenUsage | None
    status: MessageStatus
    abstained: bool | None
    metadata: dict[str, str]


class FeedbackOptions(EventOptions, total=False):
    """Fields of a feedback. The default rater is the conversation's user."""

    feedback_id: str
    rater: Rater | None
    rubric: str | None
    comment: str | None
    confidence: float | None


class CompareOptions(EventOptions, total=False):
    """Fields of `CompareMessages`, without candidates and ranking."""

    comparison_id: str
    none_acceptable: bool
    rater: Rater | None
    aspect: str
    comment: str | None


_ENVELOPE = frozenset(("event_id", "occurred_at", "on_delivery"))
_NESTED = frozenset(("model", "prompt", "usage", "tool_calls", "attachments"))
_USER = {"kind": "user"}


def take_event_options(fields: dict[str, Any]) -> dict[str, Any]:
    """Remove the options that every event takes from `fields`, and return them."""
    # Most calls have none. This runs for every event, at up to 50,000 a second.
    if _ENVELOPE.isdisjoint(fields):
        return {}
    return {name: fields.pop(name) for name in _ENVELOPE if name in fields}


def start_body(fields: dict[str, Any]) -> NamedRecord:
    return START_CONVERSATION, _plain_fields(fields)


def update_body(fields: dict[str, Any]) -> NamedRecord:
    return UPDATE_CONVERSATION, fields


def message_body(role: str, content: str, fields: dict[str, Any]) -> NamedRecord:
    message_id = fields.pop("message_id", None) if fields else None
    # Not `message_id or new_ulid()`: an empty id must fail validation, not be replaced.
    body = {"message_id": new_ulid() if message_id is None else message_id, "role": role, "content": content}
    if fields:
        body.update(_plain_fields(fields))
    return ADD_MESSAGE, body


def feedback_body(
    message_id: str | None, aspect: str, kind: ValueKind, value: NamedRecord | None, fields: dict[str, Any]
) -> NamedRecord:
    feedback_id, rater = fields.pop("feedback_id", None), fields.pop("rater", None)
    feedback = {
        "id": new_ulid() if feedback_id is None else feedback_id,
        "rater": _rater(rater),
        "aspect": aspect,
        "kind": kind,
        "value": value,
        **fields,
    }
    # A signal is withdrawn by its name, so the name is also a field of the feedback.
    if kind == "signal" and value is not None:
        feedback["signal"] = value[1]["name"]
    return UPDATE_MESSAGE, {"message_id": message_id, "feedback": feedback}


def compare_body(
    candidates: Sequence[str], ranking: Sequence[str | Sequence[str]], fields: dict[str, Any]
) -> NamedRecord:
    comparison_id = fields.pop("comparison_id", None)
    groups = [[group] if isinstance(group, str) else list(group) for group in ranking]
    return COMPARE_MESSAGES, {
        "comparison_id": new_ulid() if comparison_id is None else comparison_id,
        "candidates": list(candidates),
        "ranking": groups,
        "rater": _rater(fields.pop("rater", None)),
        **fields,
    }


def micros_of_zoned(occurred_at: datetime) -> int:
    """Convert a time with a time zone to microseconds since 1970.

    Raises:
        InvalidEventError: the time has no time zone.
    """
    if occurred_at.tzinfo is None:
        raise InvalidEventError("occurred_at must have a time zone; use datetime.now(UTC)")
    return micros(occurred_at)


def _rater(rater: Rater | None) -> Record:
    # All events share this dict. That is safe: code that changes a record copies it first.
    return _USER if rater is None else rater.__dict__.copy()


def _plain_fields(fields: dict[str, Any]) -> Record:
    if _NESTED.isdisjoint(fields):  # the common case, kept cheap
        return fields
    for name in _NESTED & fields.keys():
        value = fields[name]
        if isinstance(value, str):
            fields[name] = {"id": value}
        elif isinstance(value, Contract):
            fields[name] = value.model_dump()
        elif value is not None:
            fields[name] = [item.model_dump() for item in value]
    return fields
