"""The contract's rules over an event's record: the same as `plaudit_schemas.events`, several times as fast.

A test holds the two together: what one refuses, the other refuses.
"""

from math import isfinite
from typing import Any, get_args

from plaudit_schemas.codec import Record
from plaudit_schemas.events import Consent, EndReason, MessageStatus, RaterKind, Role, Source, ValueKind

from plaudit_producers import _checks as check
from plaudit_producers._checks import refuse

_CONSENT = check.one_of(*get_args(Consent))
_MODEL = check.record({"id": check.identifier}, {"version": check.text, "metadata": check.metadata})
_PROMPT = check.record({"id": check.identifier}, {"version": check.text})
_TOOL_CALL = check.record(
    {"id": check.identifier, "name": check.text, "arguments": check.text},
    {},
)
_ATTACHMENT = check.record({"uri": check.text}, {"media_type": check.text})
_USAGE = check.record({}, {"input": check.count, "output": check.count})
_RATER = check.record(
    {"kind": check.one_of(*get_args(RaterKind))}, {"id": check.identifier, "version": check.text}
)
_VALUES = {
    "plaudit.v1.Thumb": ("thumb", check.record({"like": check.flag}, {})),
    "plaudit.v1.Number": (
        "number",
        check.record({"number": check.number, "minimum": check.number, "maximum": check.number}, {}),
    ),
    "plaudit.v1.Label": ("label", check.record({"labels": check.labels}, {})),
    "plaudit.v1.Text": ("text", check.record({"text": check.text}, {})),
    "plaudit.v1.Correction": ("correction", check.record({"content": check.text}, {})),
    "plaudit.v1.Signal": ("signal", check.record({"name": check.identifier}, {"number": check.number})),
}


def _value(value: Any, field: str) -> None:
    if not isinstance(value, tuple) or len(value) != 2 or value[0] not in _VALUES:
        refuse(field, "must be a pair of a kind's full name and a record")
    name, fields = value
    _VALUES[name][1](fields, field)
    if name == "plaudit.v1.Number":
        minimum, maximum = fields["minimum"], fields["maximum"]
        if not minimum < maximum:
            refuse("minimum", "must be below maximum")
        if not isfinite(maximum - minimum):
            refuse("maximum", "makes the scale too wide; its length must be a finite number")
        if not minimum <= fields["number"] <= maximum:
            refuse("number", f"{fields['number']} lies outside the scale {minimum} to {maximum}")


_FEEDBACK_FIELDS = check.record(
    {
        "id": check.identifier,
        "rater": _RATER,
        "aspect": check.identifier,
        "kind": check.one_of(*get_args(ValueKind)),
    },
    {
        "signal": check.identifier,
        "value": _value,
        "rubric": check.text,
        "comment": check.text,
        "confidence": check.share,
    },
)


def _feedback(value: Any, field: str) -> None:
    _FEEDBACK_FIELDS(value, field)
    kind, given, signal = value["kind"], value.get("value"), value.get("signal")
    if kind == "unknown":
        refuse("kind", "must be thumb, number, label, text, correction or signal")
    if given is not None and _VALUES[given[0]][0] != kind:
        refuse("kind", f"is {kind}, but the value is a {given[0]}")
    name = given[1]["name"] if given is not None and kind == "signal" else signal
    if (kind == "signal") != (signal is not None) or signal != name:
        refuse("signal", "must be the signal's name, and only for kind signal")


_COMPARE_FIELDS = check.record(
    {
        "comparison_id": check.identifier,
        "candidates": check.identifiers,
        "ranking": check.ranking,
        "rater": _RATER,
    },
    {"none_acceptable": check.flag, "aspect": check.identifier, "comment": check.text},
)


def _compare(value: Any, field: str) -> None:
    _COMPARE_FIELDS(value, field)
    candidates = set(value["candidates"])
    ranked = [message for group in value["ranking"] for message in group]
    if len(candidates) < 2:
        refuse("candidates", "must be two or more")
    if len(candidates) != len(value["candidates"]):
        refuse("candidates", "holds one twice")
    if len(set(ranked)) != len(ranked) or not candidates.issuperset(ranked):
        refuse("ranking", "must hold candidates only, each once")


_SHARED = {
    "model": _MODEL,
    "variants": check.metadata,
    "prompt": _PROMPT,
    "tools": check.text,
    "parameters": check.text,
}
_BODIES = {
    "plaudit.v1.StartConversation": check.record(
        {},
        {
            **_SHARED,
            "user_id": check.identifier,
            "consent": _CONSENT,
            "tags": check.metadata,
            "session": check.identifier,
            "continues": check.identifier,
        },
    ),
    "plaudit.v1.UpdateConversation": check.record(
        {}, {"user_id": check.identifier, "consent": _CONSENT, "tags": check.metadata}
    ),
    "plaudit.v1.AddMessage": check.record(
        {"message_id": check.identifier, "role": check.one_of(*get_args(Role)), "content": check.text},
        {
            **_SHARED,
            "parent_id": check.parent,
            "reasoning": check.text,
            "tool_calls": check.list_of(_TOOL_CALL),
            "tool_call_id": check.identifier,
            "attachments": check.list_of(_ATTACHMENT),
            "latency_ms": check.count,
            "first_token_ms": check.count,
            "finish_reason": check.text,
            "usage": _USAGE,
            "status": check.one_of(*get_args(MessageStatus)),
            "abstained": check.flag,
            "metadata": check.metadata,
        },
    ),
    "plaudit.v1.UpdateMessage": check.record({"feedback": _feedback}, {"message_id": check.identifier}),
    "plaudit.v1.CompareMessages": _compare,
    "plaudit.v1.EndConversation": check.record(
        {"reason": check.one_of(*get_args(EndReason))}, {"last_activity_at": check.moment}
    ),
    "plaudit.v1.EraseConversation": check.record({}, {"reason": check.text}),
}


def _body(value: Any, field: str) -> None:
    if not isinstance(value, tuple) or len(value) != 2 or value[0] not in _BODIES:
        refuse(field, "must be a pair of a body's full name and a record")
    _BODIES[value[0]](value[1], value[0].rpartition(".")[2])


_EVENT = check.record(
    {
        "event_id": check.identifier,
        "application": check.application,
        "conversation_id": check.identifier,
        "occurred_at": check.moment,
        "body": _body,
    },
    {"producer": check.identifier, "sequence": check.sequence, "source": check.one_of(*get_args(Source))},
)


def validate_body(body: Any) -> None:
    """Raise InvalidEventError, naming the field, for a body that breaks the contract."""
    _body(body, "body")


def validate(record: Record) -> None:
    """Raise InvalidEventError, naming the field, for a record that breaks the contract."""
    _EVENT(record, "the event")
