"""The fold's checks of decoded events: the rules of the contract again, but cheaper.

The fold checks again because other programs may write to the topic without any checks. Records come in the
sparse form, without the fields that hold nothing. The checks decide which events change the state. So a
change here changes what a replay of the log gives.
"""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from plaudit_schemas.contract.feedback import VALUE_KINDS
from plaudit_schemas.contract.limits import (
    CONTENT_BYTES,
    HELD_LIMIT,
    ID_CHARACTERS,
    METADATA_ENTRIES,
    SEQUENCE_LIMIT,
    SPANS_LIMIT,
)
from plaudit_schemas.contract.names import NUMBER, SIGNAL, SPANS
from plaudit_schemas.contract.rules import (
    RuleViolation,
    comparison_problem,
    feedback_problem,
    scale_problem,
    span_problem,
)
from plaudit_schemas.contract.times import range_problem
from plaudit_schemas.errors import InvalidEventError

Fields = Mapping[str, Any]

_LARGEST: Final = {
    **dict.fromkeys(("metadata", "variants", "tags"), METADATA_ENTRIES),
    **dict.fromkeys(("message_id", "parent_id", "tool_call_id", "user_id"), ID_CHARACTERS),
    **dict.fromkeys(("session", "continues", "comparison_id", "task", "item_id"), ID_CHARACTERS),
}
"""The largest number of entries or characters for each of these fields of a body."""

_NO_VALUE: Final[tuple[None, Fields]] = (None, {})


def check_key(event: Fields, key: bytes | None) -> None:
    """Refuse a record with another key than its event's, or with an invalid application or conversation id.

    Only the length and the slash of an application are checked, since the key contains it as it is spelt.

    Raises:
        InvalidEventError: the key or one of the two is not valid.
    """
    application, conversation_id = event["application"], event["conversation_id"]
    if key != f"{application}/{conversation_id}".encode():
        raise InvalidEventError("the record's key is not the application/conversation id of its event")
    if not 0 < len(conversation_id) <= ID_CHARACTERS:
        raise InvalidEventError(f"conversation_id must have 1 to {ID_CHARACTERS} characters")
    if not 0 < len(application) <= ID_CHARACTERS or "/" in application:
        raise InvalidEventError(f"application must have 1 to {ID_CHARACTERS} characters and no slash")


def check_ids(event_id: str, producer: str) -> None:
    """Refuse an event id or a producer id that is too long. `producer` may be empty, the event id not.

    Raises:
        InvalidEventError: one of the ids is not valid.
    """
    if not event_id or len(event_id) > ID_CHARACTERS or len(producer) > ID_CHARACTERS:
        raise InvalidEventError(
            f"event_id must have 1 to {ID_CHARACTERS} characters, and producer at most {ID_CHARACTERS}"
        )


def check_sequence(sequence: int) -> None:
    """Raise InvalidEventError for a sequence that is negative or above its limit."""
    if not 0 <= sequence < SEQUENCE_LIMIT:
        raise InvalidEventError(f"sequence must be at least 0 and below {SEQUENCE_LIMIT}")


def check_held(held_ms: int) -> None:
    """Raise InvalidEventError for a `held_ms` that is negative or above its limit.

    A negative one would place an event in the future, where no later word could overrule it.
    """
    if not 0 <= held_ms < HELD_LIMIT:
        raise InvalidEventError(f"held_ms must be at least 0 and below {HELD_LIMIT}")


def check_times(event: Fields) -> None:
    """Raise InvalidEventError for an event with a time outside the years 1 to 9999.

    No calendar can show such a time. One in another unit than microseconds passes, as it always did.
    """
    _, body = event["body"]
    problem = range_problem(event["occurred_at"])
    if problem is not None:
        raise InvalidEventError(f"occurred_at {problem}")
    problem = range_problem(body.get("last_activity_at", 0))
    if problem is not None:
        raise InvalidEventError(f"last_activity_at {problem}")


def check_body(body: Fields, size: int) -> None:
    """Refuse a body with fields over their limits.

    Args:
        size: of the encoded record in bytes. Texts are measured only if it is above CONTENT_BYTES, because
            no text is longer than the record that holds it.

    Raises:
        InvalidEventError: a field is over its limit.
    """
    for name in body:
        if name in _LARGEST and len(body[name]) > _LARGEST[name]:
            raise InvalidEventError(
                f"{name} has {len(body[name])} entries or characters; at most {_LARGEST[name]} are allowed"
            )
    if "message_id" in body and not body["message_id"]:
        raise InvalidEventError("message_id must not be empty")
    if size > CONTENT_BYTES:
        _check_texts(body, "")


def check_feedback(feedback: Fields) -> None:
    """Raise InvalidEventError for feedback that breaks a limit or a rule."""
    name, value = feedback.get("value") or _NO_VALUE
    kind = None if name is None else VALUE_KINDS[name]
    signal = value["name"] if name == SIGNAL else None
    _refuse(feedback_problem(feedback["kind"], feedback.get("signal"), kind, signal))
    for field in ("id", "aspect", "signal", "item_id"):
        if not 0 < len(feedback.get(field, "-")) <= ID_CHARACTERS:
            raise InvalidEventError(f"a feedback's {field} must have 1 to {ID_CHARACTERS} characters")
    if len(feedback["rater"].get("id", "")) > ID_CHARACTERS:
        raise InvalidEventError(f"a rater's id must have at most {ID_CHARACTERS} characters")
    if not 0 <= feedback.get("confidence", 0) <= 1:
        raise InvalidEventError("a feedback's confidence must be from 0 to 1")
    if name == SIGNAL and not isfinite(value.get("number", 0)):
        raise InvalidEventError("a signal's number must be finite")
    if name == NUMBER:
        _refuse(scale_problem(value["minimum"], value["number"], value["maximum"]))
        if value.get("raters", 1) < 1:
            raise InvalidEventError("raters must be at least 1")
    if name == SPANS:
        _check_spans(value.get("spans", ()))


def check_comparison(body: Fields) -> None:
    """Raise InvalidEventError for a comparison with fewer than two candidates, or that ranks others."""
    _refuse(comparison_problem(body.get("candidates", ()), body.get("ranking", ())))
    for field in ("strength", "confidence"):
        if not 0 <= body.get(field, 0) <= 1:
            raise InvalidEventError(f"a comparison's {field} must be from 0 to 1")


def _check_spans(spans: Sequence[Fields]) -> None:
    if not 0 < len(spans) <= SPANS_LIMIT:
        raise InvalidEventError(f"a feedback must have 1 to {SPANS_LIMIT} spans")
    for span in spans:
        _refuse(span_problem(span["start"], span["end"]))


def _refuse(problem: RuleViolation | None) -> None:
    if problem is not None:
        raise InvalidEventError(str(problem))


def _check_texts(node: Any, path: str) -> None:
    if isinstance(node, str):
        if len(node) * 4 > CONTENT_BYTES and len(node.encode()) > CONTENT_BYTES:
            raise InvalidEventError(f"{path} is longer than {CONTENT_BYTES} bytes")
    elif isinstance(node, dict):
        for key, value in node.items():
            _check_texts(value, f"{path}.{key}" if path else key)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _check_texts(value, path)
