"""Bodies of events as plain records, from what a chat product says. What is not given is left out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypedDict

from plaudit_schemas.codec import Record
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.events import (
    Attachment,
    Consent,
    Contract,
    MessageStatus,
    Model,
    Prompt,
    Rater,
    TokenUsage,
    ToolCall,
    ValueKind,
    micros,
)

from plaudit_producers._delivery import DeliveryCallback
from plaudit_producers._ids import new_id

Body = tuple[str, Record]


class EventOptions(TypedDict, total=False):
    """What every event may be given.

    event_id: one of your own makes a repeated call harmless: the same id counts once.
    occurred_at: now where it is left out; must know its time zone.
    on_delivery: called with this event's Delivery; a DeliveryFuture serves too.
    """

    event_id: str
    occurred_at: datetime
    on_delivery: DeliveryCallback | None


class ConversationFields(TypedDict, total=False):
    """Fields of `StartConversation`; a text serves as model or prompt where there is but an id."""

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
    """Everything that `start_conversation` takes by name."""


class UpdateOptions(EventOptions, total=False):
    user_id: str | None
    consent: Consent
    tags: dict[str, str]


class MessageOptions(EventOptions, total=False):
    """Fields of `AddMessage`; parent None is the message before, and an empty text a root."""

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
    """Fields of a feedback; without a rater it is the conversation's user who judges."""

    feedback_id: str
    rater: Rater | None
    rubric: str | None
    comment: str | None
    confidence: float | None


class CompareOptions(EventOptions, total=False):
    comparison_id: str
    none_acceptable: bool
    rater: Rater | None
    aspect: str
    comment: str | None


_ENVELOPE = frozenset(("event_id", "occurred_at", "on_delivery"))
_NESTED = frozenset(("model", "prompt", "usage", "tool_calls", "attachments"))
_OF_THE_USER = {"kind": "user"}


def split_options(options: dict[str, Any]) -> dict[str, Any]:
    """Take the envelope's options out of `options`, in place."""
    if _ENVELOPE.isdisjoint(options):
        return {}
    return {name: options.pop(name) for name in _ENVELOPE if name in options}


def start_body(fields: dict[str, Any]) -> Body:
    return "plaudit.v1.StartConversation", _plain_fields(fields)


def update_body(fields: dict[str, Any]) -> Body:
    return "plaudit.v1.UpdateConversation", fields


def message_body(role: str, content: str, fields: dict[str, Any]) -> Body:
    message_id = fields.pop("message_id", None) if fields else None
    body = {"message_id": new_id() if message_id is None else message_id, "role": role, "content": content}
    if fields:
        body.update(_plain_fields(fields))
    return "plaudit.v1.AddMessage", body


def feedback_body(
    message_id: str | None, aspect: str, kind: ValueKind, value: Body | None, fields: dict[str, Any]
) -> Body:
    feedback_id, rater = fields.pop("feedback_id", None), fields.pop("rater", None)
    feedback = {
        "id": new_id() if feedback_id is None else feedback_id,
        "rater": _rater(rater),
        "aspect": aspect,
        "kind": kind,
        "value": value,
        **fields,
    }
    if kind == "signal" and value is not None:
        feedback["signal"] = value[1]["name"]
    return "plaudit.v1.UpdateMessage", {"message_id": message_id, "feedback": feedback}


def compare_body(
    candidates: Sequence[str], ranking: Sequence[str | Sequence[str]], fields: dict[str, Any]
) -> Body:
    comparison_id = fields.pop("comparison_id", None)
    groups = [[group] if isinstance(group, str) else list(group) for group in ranking]
    return "plaudit.v1.CompareMessages", {
        "comparison_id": new_id() if comparison_id is None else comparison_id,
        "candidates": list(candidates),
        "ranking": groups,
        "rater": _rater(fields.pop("rater", None)),
        **fields,
    }


def moment_micros(at: datetime) -> int:
    """Microseconds of a time that knows its zone.

    Raises:
        InvalidEventError: it knows none.
    """
    if at.tzinfo is None:
        raise InvalidEventError("occurred_at must know its time zone; use datetime.now(UTC)")
    return micros(at)


def _rater(rater: Rater | None) -> Record:
    # Nobody changes a record without copying it first, so one dict does for all.
    return _OF_THE_USER if rater is None else rater.__dict__.copy()


def _plain_fields(fields: dict[str, Any]) -> Record:
    if _NESTED.isdisjoint(fields):
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
