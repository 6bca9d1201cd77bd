"""Events as JSON documents, for the gateway and for programs in other languages.

{"conversation_id": "c1", "body": {"type": "AddMessage", "role": "user", "content": "Hello"}}

The fields are those of `contract.events`, with two additions. `body.type` names the body. In feedback,
`value.kind` names the kind of value: thumb, number, label, text, correction, signal or spans. Times are
ISO 8601 with a zone, or microseconds since 1970, in the years 1 to 9999. Null means absent. Missing ids are
generated.
"""

import time
from datetime import datetime
from math import isfinite
from typing import Any, Final

from plaudit_schemas.contract.events import BODIES
from plaudit_schemas.contract.feedback import VALUE_KINDS
from plaudit_schemas.contract.names import full_name, short_name
from plaudit_schemas.contract.records import Record, refuse
from plaudit_schemas.contract.times import moment, time_problem, zoned_micros
from plaudit_schemas.contract.ulid import new_ulid

Document = dict[str, Any]

_BODY_TYPES: Final = tuple(map(short_name, BODIES))
_VALUE_NAMES: Final = {kind: name for name, kind in VALUE_KINDS.items()}
_MADE_IDS: Final = {"AddMessage": "message_id", "CompareMessages": "comparison_id"}
_IS_A_TIME: Final = "must be a time such as 2026-11-21T12:00:00Z, or microseconds since 1970"


def record_of(document: Any) -> Record:
    """Build the record of one event. Checks only what it needs for that; `records.validate` checks the rest.

    The document must not be used afterwards, because parts of it become the record.

    Raises:
        InvalidEventError: the document does not have the form of an event.
    """
    record = _object(document, "the event")
    body = _object(record.get("body"), "body")
    kind = body.pop("type", None)
    if not isinstance(kind, str) or kind not in _BODY_TYPES:
        refuse("body.type", f"must be one of {', '.join(_BODY_TYPES)}")
    _complete(kind, body)
    record["body"] = (full_name(kind), body)
    if "event_id" not in record:
        record["event_id"] = new_ulid()
    at = record.get("occurred_at")
    record["occurred_at"] = time.time_ns() // 1000 if at is None else _micros(at, "occurred_at")
    return record


def document_of(record: Record) -> Document:
    """The JSON document of a record, dense or sparse. `record_of` turns it back into an equal record.

    A time outside the years 1 to 9999, which an old log may hold, becomes a number.
    """
    name, fields = record["body"]
    body = {"type": short_name(name), **fields}
    feedback = body.get("feedback")
    if feedback is not None and feedback.get("value") is not None:
        name, value = feedback["value"]
        body["feedback"] = {**feedback, "value": {"kind": VALUE_KINDS[name], **value}}
    if body.get("last_activity_at") is not None:
        body["last_activity_at"] = _time(body["last_activity_at"])
    return {**record, "occurred_at": _time(record["occurred_at"]), "body": body}


def _complete(kind: str, body: Document) -> None:
    """Fill in the ids and defaults that the models of the contract would fill in."""
    if kind in _MADE_IDS:
        body.setdefault(_MADE_IDS[kind], new_ulid())
    if kind == "UpdateMessage":
        _complete_feedback(body)
    elif kind in ("CompareMessages", "ExcludeFromTraining", "DeclineReview"):
        _complete_rater(body)
    elif kind == "EndConversation":
        body.setdefault("reason", "closed")
        if "last_activity_at" in body:
            body["last_activity_at"] = _micros(body["last_activity_at"], "last_activity_at")


def _complete_feedback(body: Document) -> None:
    feedback = body["feedback"] = _object(body.get("feedback"), "feedback")
    feedback.setdefault("id", new_ulid())
    _complete_rater(feedback)
    if "value" not in feedback:
        feedback.setdefault("kind", "unknown")
        return
    value = _object(feedback["value"], "value")
    kind = value.pop("kind", None)
    if not isinstance(kind, str) or kind not in _VALUE_NAMES:
        refuse("value.kind", f"must be one of {', '.join(_VALUE_NAMES)}")
    feedback["value"] = (_VALUE_NAMES[kind], value)
    feedback.setdefault("kind", kind)
    if kind == "signal":
        feedback.setdefault("signal", value.get("name"))


def _complete_rater(holder: Document) -> None:
    given = holder.get("rater")
    if given is None:
        holder["rater"] = {"kind": "user"}
    else:
        rater = holder["rater"] = _object(given, "rater")
        rater.setdefault("kind", "user")


def _object(value: Any, field: str) -> Document:
    if not isinstance(value, dict):
        refuse(field, "must be an object")
    if None in value.values():
        return {key: item for key, item in value.items() if item is not None}
    return value


def _micros(value: Any, field: str) -> int:
    if type(value) is int:
        problem = time_problem(value)
        if problem is not None:
            refuse(field, problem)
        return value
    if type(value) is float and isfinite(value):
        refuse(field, time_problem(round(value)) or f"{_IS_A_TIME}, as a whole number")
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        refuse(field, _IS_A_TIME)
    if at.tzinfo is None:
        refuse(field, "has no zone; write 2026-11-21T12:00:00Z or +00:00")
    try:
        return zoned_micros(at)
    except ValueError as error:
        refuse(field, str(error))


def _time(at: int) -> str | int:
    try:
        return moment(at).isoformat()
    except OverflowError:  # an old log may hold such a time; `record_of` refuses it
        return at
