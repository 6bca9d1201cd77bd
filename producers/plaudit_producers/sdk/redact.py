"""The `redact` hook: a function that changes an event's record before it is encoded and spooled."""

from collections.abc import Callable
from typing import Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import ADD_MESSAGE, COMPARE_MESSAGES, CORRECTION, ERASE_CONVERSATION, TEXT
from plaudit_schemas.contract.records import validate
from plaudit_schemas.errors import PlauditError

from plaudit_producers.errors import RedactionError

Redact = Callable[[Record], Record]
"""Takes the record of an event and returns the record to send, which may be the same one.

The record has the form of `ConversationEvent.to_record`; fields that hold their default may be missing. The
hook runs on the sender's thread, so it delays the chat. Its result is validated again. If it raises, nothing
is sent."""

_TEXTS: Final = {
    ADD_MESSAGE: ("content", "reasoning"),
    COMPARE_MESSAGES: ("comment",),
    ERASE_CONVERSATION: ("reason",),
}
_VALUE_TEXTS: Final = {TEXT: "text", CORRECTION: "content"}


def redact_texts(replace: Callable[[str], str]) -> Redact:
    """Make a hook that calls `replace` on every free text of people and models.

    These are content, reasoning, the arguments of tool calls, comments, the texts of feedback, and the reason
    of an erasure. Ids, names, labels, tags, metadata, prompts, tools and parameters are left alone: the
    product itself sets them.
    """

    def redact(record: Record) -> Record:
        name, body = record["body"]
        _replace_fields(body, _TEXTS.get(name, ()), replace)
        for call in body.get("tool_calls") or ():
            _replace_fields(call, ("arguments",), replace)
        feedback = body.get("feedback")
        if feedback is not None:
            _replace_fields(feedback, ("comment",), replace)
            if feedback.get("value") is not None:
                kind, value = feedback["value"]
                if kind in _VALUE_TEXTS:
                    _replace_fields(value, (_VALUE_TEXTS[kind],), replace)
        return record

    return redact


def apply_redact(
    redact: Redact,
    record: Record,
    *,
    hook: str = "the redact hook",
    passed_on: type[PlauditError] = PlauditError,
) -> Record:
    """Run a hook on a record and validate the result.

    Args:
        hook: the hook's name in error messages.
        passed_on: errors of this type are raised unchanged.

    Raises:
        InvalidEventError: the record that the hook returned breaks the contract.
        RedactionError: the hook raised. The message names only the error's type: its text may hold content.
    """
    record = run_redact(redact, record, hook=hook, passed_on=passed_on)
    validate(record)
    return record


def run_redact(
    redact: Redact,
    record: Record,
    *,
    hook: str = "the redact hook",
    passed_on: type[PlauditError] | tuple[()] = (),
) -> Record:
    """Run a hook on a record, without a look at its result.

    Raises:
        RedactionError: the hook raised, or returned no record. As in `apply_redact` otherwise.
    """
    try:
        redacted = redact(record)
    except passed_on:
        raise
    except Exception as error:
        raise RedactionError(f"{hook} raised {type(error).__name__}; the event was not sent") from error
    if not isinstance(redacted, dict):
        raise RedactionError(
            f"{hook} returned {type(redacted).__name__} and no record; the event was not sent"
        )
    return redacted


def _replace_fields(holder: Record, fields: tuple[str, ...], replace: Callable[[str], str]) -> None:
    for field in fields:
        if holder.get(field) is not None:
            holder[field] = replace(holder[field])
