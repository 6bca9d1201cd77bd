"""The fold itself: which handler takes an event, and what all events have in common."""

from collections.abc import Callable
from typing import Any

from plaudit_schemas.limits import ID_CHARACTERS

from plaudit_stream_processors.fold.conversation import Conversation
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.events import Event, Refused, check_body, check_sequence
from plaudit_stream_processors.fold.feedback import compare_messages, update_message
from plaudit_stream_processors.fold.lifecycle import (
    end_conversation,
    erase_conversation,
    start_conversation,
    update_conversation,
)
from plaudit_stream_processors.fold.messages import add_message
from plaudit_stream_processors.fold.rules import Rules
from plaudit_stream_processors.fold.series import series_of

Handler = Callable[[Conversation, dict[str, Any], Event, Effects, Rules], None]

_ADD = "plaudit.v1.AddMessage"
_END = "plaudit.v1.EndConversation"
_ERASE = "plaudit.v1.EraseConversation"
_START = "plaudit.v1.StartConversation"
_LIFECYCLE = (_START, "plaudit.v1.UpdateConversation")
_HANDLERS: dict[str, Handler] = {
    _START: start_conversation,
    "plaudit.v1.UpdateConversation": update_conversation,
    _ADD: add_message,
    "plaudit.v1.UpdateMessage": update_message,
    "plaudit.v1.CompareMessages": compare_messages,
    _END: end_conversation,
    _ERASE: erase_conversation,
}


def fold(state: Conversation, event: Event, effects: Effects, rules: Rules) -> Conversation:
    """Fold one event into a conversation's state, which is changed in place and returned.

    The result depends on the state, the event and the rules alone, never on a clock: folding a
    log in any batches gives the same states and the same effects in sum.

    Raises:
        Refused: the event is for the dead letters; state and effects are as before.
    """
    record = event.record
    event_id = record["event_id"]
    name, body = record["body"]
    producer = record.get("producer", "")
    if not event_id or len(event_id) > ID_CHARACTERS or len(producer) > ID_CHARACTERS:
        raise Refused("invalid", f"event_id must have 1 to {ID_CHARACTERS} characters, producer at most that")
    if state.end is not None and name != _ERASE:
        _refuse_late(state, event, rules)
    if event_id in state.seen or (state.erased and name == _ERASE):
        effects.duplicates += 1
        return state
    check_body(body, event.size)
    check_sequence(record.get("sequence", 0))
    if state.series or name == _START:
        _HANDLERS[name](state, body, event, effects, rules)
    else:
        _fold_before_start(state, event, effects, rules)
    if name in _LIFECYCLE:
        state.lifecycle.append(event_id)
    if name != _ERASE:  # what is erased takes no event any more, so it needs to know none
        state.seen.add(event_id)
    state.events += 1
    if producer and "sequence" in record:
        _count_sequence(state, producer, record["sequence"])
    if name not in (_END, _ERASE):  # an end is no activity
        state.is_open = True
        if event.arrived_ms > state.activity_ms:
            state.activity_ms = event.arrived_ms
    return state


def _fold_before_start(state: Conversation, event: Event, effects: Effects, rules: Rules) -> None:
    """What counts before its conversation's start came has the series that the event itself tells."""
    name, body = event.record["body"]
    state.series = series_of(state, {}, event, rules)
    try:
        _HANDLERS[name](state, body, event, effects, rules)
    except Refused:
        state.series = []
        raise
    state.dirty["conversation"] = None


def _refuse_late(state: Conversation, event: Event, rules: Rules) -> None:
    if state.erased:
        raise Refused("expired", "the conversation was erased")
    if not state.is_open and state.end is not None:
        age = event.arrived_ms - state.end["arrived_ms"]
        if age > rules.state_retention_ms:
            raise Refused("expired", f"the conversation ended {age // 1000} s before, past its retention")


def _count_sequence(state: Conversation, producer: str, sequence: int) -> None:
    counted = state.producers.get(producer)
    if counted is None:
        state.producers[producer] = [sequence, 1]
    else:
        if sequence > counted[0]:
            counted[0] = sequence
        counted[1] += 1
