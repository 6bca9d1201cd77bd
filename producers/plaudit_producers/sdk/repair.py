"""Repair an event that breaks the contract, where what is left still says what was meant.

What says something by itself (a rating, a rater, a role) is never guessed: such an event is rejected. Where a
guess is needed, the careful one is made: consent that cannot be read is denied, and a cut answer is marked as
cut, so that nobody trains on it.
"""

import time
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, get_args, get_origin, get_type_hints

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.events import BODIES, ConversationEvent
from plaudit_schemas.contract.feedback import VALUES, Feedback, Rater
from plaudit_schemas.contract.field_types import Contract
from plaudit_schemas.contract.names import ADD_MESSAGE, CORRECTION, short_name
from plaudit_schemas.contract.records import field_check, refuse, required_fields, validate
from plaudit_schemas.contract.ulid import new_ulid
from plaudit_schemas.errors import InvalidEventError, raise_interrupt

from plaudit_producers.errors import UnknownFieldError
from plaudit_producers.sdk.repair_fields import FieldRepair, list_repair, repair_text, simple_repair
from plaudit_producers.sdk.repair_notes import Repair, RepairNotes
from plaudit_producers.sdk.repair_values import fields_of, given

_OWN_IDS: Final = frozenset(
    ("AddMessage.message_id", "Feedback.id", "CompareMessages.comparison_id", "ConversationEvent.event_id")
)
"""Ids of what is new. One that cannot be read is replaced; an id of something else would name nothing."""
_CAREFUL: Final[dict[str, Any]] = {
    "StartConversation.consent": "denied",
    "UpdateConversation.consent": "denied",
    "ExcludeFromTraining.excluded": True,
    "AddMessage.status": "cut",
    "EndConversation.reason": "closed",
}
"""Field -> the value that stands for one that cannot be read."""
_IF_NONE: Final = {
    "AddMessage.content": "",
    "ToolCall.id": "unknown",
    "ToolCall.name": "",
    "ToolCall.arguments": "",
}
"""Fields that may be None at the APIs of chat models, and what the contract has instead."""
_SAY_IT: Final = frozenset(
    (
        *("Feedback.value", "Feedback.kind", "Feedback.signal", "Feedback.rater", "UpdateMessage.message_id"),
        *("CompareMessages.rater", "CompareMessages.aspect", "CompareMessages.none_acceptable"),
        *("ExcludeFromTraining.message_id", "ExcludeFromTraining.rater", "DeclineReview.message_id"),
        *("Rater.kind", "Rater.id", "Signal.number", "ConversationEvent.source"),
    )
)
"""Fields without which an event says something else, though the contract does not require them."""
_KEYWORDS_OF: Final = frozenset((*BODIES.values(), Feedback, ConversationEvent))
"""Models whose fields are keywords of the SDK."""
_ANSWER_TEXTS: Final = frozenset(("content", "reasoning", "arguments"))


def repair_record(record: Record) -> list[Repair]:
    """Repair an event's record in place. Returns what was done; nothing if the record is as it should be.

    Raises:
        InvalidEventError: it cannot be repaired.
        UnknownFieldError: a keyword is none of this kind of event.
    """
    notes = RepairNotes()
    repaired = _repair_fields(ConversationEvent, record, "the event", notes)
    _mark_cut(repaired["body"], notes)
    validate(repaired)
    # In place: the caller's handle goes on with it.
    record.clear()
    record.update(repaired)
    return notes.repairs()


def repair_body(body: tuple[str, Record]) -> tuple[tuple[str, Record], list[Repair]]:
    """Repair the body of an event. Raises as `repair_record` does."""
    notes = RepairNotes()
    repaired = _repair_named(body, "body", notes)
    return repaired, notes.repairs()


def _repair_fields(model: type[Contract], value: Any, field: str, notes: RepairNotes) -> Record:
    repaired: Record = {}
    fields = fields_of(value, field)
    if model is Rater and given(fields.get("id")) == "" and fields.get("kind") in (None, "user"):
        del fields["id"]  # as None: the conversation's user, whom nobody knows either
        notes.add("omitted", field)
    for name, item in fields.items():
        if name not in model.model_fields:
            if model in _KEYWORDS_OF:
                raise UnknownFieldError(f"{field} has no field {name}")
            notes.add("omitted", field)
        else:
            _repair_field(model, name, item, repaired, notes)
    lacking = required_fields(model) - repaired.keys()
    if lacking:
        refuse(field, f"lacks {', '.join(sorted(lacking))}")
    return repaired


def _repair_field(model: type[Contract], name: str, value: Any, into: Record, notes: RepairNotes) -> None:
    place = f"{model.__name__}.{name}"
    if value is None and place in _IF_NONE:
        notes.add("converted", name)
        into[name] = _IF_NONE[place]
        return
    if value is None and name not in required_fields(model):
        if NoneType in get_args(_hint(model, name)):
            into[name] = None
        else:
            notes.add("omitted", name)
        return
    before = len(notes.done)
    try:
        repaired = _repair_of(model, name)(value, name, notes)
        field_check(model, name)(repaired, name)
        into[name] = repaired
    except UnknownFieldError:
        raise
    except Exception as error:  # a value's class may be anybody's code, and so raise anything
        raise_interrupt(error)
        del notes.done[before:]
        if not _do_without(model, name, into, notes):
            raise InvalidEventError(f"{name} cannot be repaired: {_text_of(error)}") from error


def _do_without(model: type[Contract], name: str, into: Record, notes: RepairNotes) -> bool:
    """Replace a value that cannot be repaired, or leave it out. False if neither goes."""
    place = f"{model.__name__}.{name}"
    if place in _OWN_IDS:
        into[name] = new_ulid()
        notes.add("id", name)
    elif place in _CAREFUL:
        into[name] = _CAREFUL[place]
        notes.add("careful", name)
    elif place == "ConversationEvent.occurred_at":
        into[name] = time.time_ns() // 1000
        notes.add("time", name)
    elif name in required_fields(model) or place in _SAY_IT:
        return False
    else:
        notes.add("omitted", name)
    return True


@cache
def _repair_of(model: type[Contract], name: str) -> FieldRepair:
    if model is VALUES[CORRECTION]:
        return lambda value, _, notes: repair_text(value, "correction", notes)
    return _repair_for(_hint(model, name))


@cache
def _hint(model: type[Contract], name: str) -> Any:
    return get_type_hints(model, include_extras=True)[name]


def _repair_for(hint: Any) -> FieldRepair:
    origin, parameters = get_origin(hint), [each for each in get_args(hint) if each is not NoneType]
    if origin in (Union, UnionType):
        return _repair_for(parameters[0]) if len(parameters) == 1 else _repair_named
    if origin is list:
        return list_repair(_repair_for(parameters[0]))
    if isinstance(hint, type) and issubclass(hint, Contract):
        return lambda value, field, notes: _repair_fields(hint, value, field, notes)
    return simple_repair(hint)


def _repair_named(value: Any, field: str, notes: RepairNotes) -> tuple[str, Record]:
    """A body, or the value of a feedback: a pair of a full name and fields."""
    value = given(value)
    known: dict[str, Any] = {**BODIES, **VALUES}
    if not (isinstance(value, tuple) and len(value) == 2 and value[0] in known):
        refuse(field, "must be a pair of a full name and a record")
    return value[0], _repair_fields(known[value[0]], value[1], short_name(value[0]), notes)


def _mark_cut(body: tuple[str, Record], notes: RepairNotes) -> None:
    cut = any(kind == "cut" and field in _ANSWER_TEXTS for kind, field in notes.done)
    if cut and body[0] == ADD_MESSAGE and body[1].get("status") in (None, "complete"):
        body[1]["status"] = "cut"


def _text_of(error: Exception) -> str:
    return str(error) if isinstance(error, InvalidEventError) else type(error).__name__
