"""How much a conversation may hold (rules version 5), so that no page can fill the memory of all.

Each event uses room: what it says as JSON, which is what Redis keeps of it, and a fixed share for what the
fold adds. Messages are taken until the limit, other words until the reserve above it is used. What ends the
conversation or protects its user is always taken.
"""

from typing import Any, Final

import orjson
from plaudit_schemas.contract.limits import (
    CONVERSATION_BYTES,
    CONVERSATION_EVENTS,
    CONVERSATION_MESSAGES,
    CONVERSATION_RESERVE,
    MESSAGE_SLOTS,
    OVERGROWN_BYTES,
)
from plaudit_schemas.contract.log_checks import check_feedback
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    END_CONVERSATION,
    ERASE_CONVERSATION,
    EXCLUDE_FROM_TRAINING,
    START_CONVERSATION,
    UPDATE_MESSAGE,
)
from plaudit_schemas.errors import TooLargeError

from plaudit_stream_processors.fold.amendments import is_denial
from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.messages import given_fields
from plaudit_stream_processors.fold.raters import slot_of
from plaudit_stream_processors.fold.rules import CAPS_VERSION

Body = dict[str, Any]

_EVENT: Final = 256  # bytes that the fold adds to what an event says: ids again, times, the names of fields
_SERIES_OF_FEEDBACK: Final = 5  # in how many figures a vote names its series
_ALWAYS: Final = (END_CONVERSATION, ERASE_CONVERSATION, EXCLUDE_FROM_TRAINING)


def is_spent(state: ConversationState) -> bool:
    """Whether the reserve of what is never refused is used too. Such words are taken, but not kept."""
    return _is_over(state, 100 + 2 * CONVERSATION_RESERVE)


def is_overgrown(state: ConversationState) -> bool:
    """Whether earlier rules let the conversation grow too large for a finished record.

    Its messages decide nothing any more, so a worker need not load them.
    """
    return used_bytes(state) >= OVERGROWN_BYTES


def used_bytes(state: ConversationState) -> int:
    """The room that a conversation uses. What earlier rules took counts as the JSON that Redis has of it."""
    if state.used is None:
        entities = (state.messages, state.feedback, state.comparisons)
        state.used = sum(_size(entity) for group in entities for entity in group.values())
    return state.used


def take_room(state: ConversationState, event: Event) -> int:
    """The room that an event uses, as far as it is known before its handler runs.

    Raises:
        TooLargeError: the conversation has no room for it.
    """
    name, body = event.record["body"]
    known = state.messages.get(body["message_id"]) if name == ADD_MESSAGE else None
    is_new_message = name == ADD_MESSAGE and known is None
    if not is_never_refused(state, name, body):
        if is_new_message and len(state.messages) >= CONVERSATION_MESSAGES:
            raise TooLargeError(_text(f"{len(state.messages)} messages"))
        if name == UPDATE_MESSAGE:
            _refuse_more_slots(state, body)
        if _is_over(state, 100 if is_new_message else 100 + CONVERSATION_RESERVE):
            raise TooLargeError(_text(f"{used_bytes(state)} bytes in {state.events} events"))
    size = _EVENT + _size(body) + 2 * len(event.record["event_id"])
    producer = event.record.get("producer", "")
    if producer not in state.producers:
        size += len(producer)
    if known is not None:
        size -= _size(given_fields(known))  # replaced by what comes
    return size


def fill_room(state: ConversationState, event: Event, size: int) -> None:
    """Count the room of an event that was folded. `size` is what `take_room` returned."""
    name, body = event.record["body"]
    message_id = body.get("message_id") or ""
    if name == ADD_MESSAGE and body["role"] == "assistant":
        # Feedback that waited for the message names its series too.
        waited = len(state.slots_of.get(message_id, ()))
        size += _series_bytes(state, message_id) * (1 + _SERIES_OF_FEEDBACK * waited)
    elif name in (UPDATE_MESSAGE, COMPARE_MESSAGES):
        size += _series_bytes(state, message_id) * _SERIES_OF_FEEDBACK
    state.used = max(0, used_bytes(state) + size)


def is_never_refused(state: ConversationState, name: str, body: Body) -> bool:
    """Whether an event is taken however large its conversation is.

    Without its first start a conversation would never become a record.
    """
    if name == START_CONVERSATION and state.started is None:
        return True
    return name in _ALWAYS or is_denial(name, body)


def _refuse_more_slots(state: ConversationState, body: Body) -> None:
    message_id = body.get("message_id", "")
    slots = len(state.slots_of.get(message_id, ()))
    if not message_id or slots < MESSAGE_SLOTS:
        return
    check_feedback(body["feedback"])
    if slot_of(state, message_id, body["feedback"], CAPS_VERSION) not in state.feedback:
        raise TooLargeError(
            f"message {message_id} has {slots} ratings and signals, as many as one may have; "
            "send the sum of many raters as one feedback with `raters`"
        )


def _is_over(state: ConversationState, percent: int) -> bool:
    return (
        used_bytes(state) * 100 >= CONVERSATION_BYTES * percent
        or state.events * 100 >= CONVERSATION_EVENTS * percent
    )


def _text(used: str) -> str:
    return f"the conversation has {used}, as much as one may have; go on in another conversation"


def _series_bytes(state: ConversationState, message_id: str) -> int:
    message: Entity = state.messages.get(message_id, {})
    return sum(map(len, message.get("series", state.series)))


def _size(document: Any) -> int:
    return len(orjson.dumps(document))
