"""The fold itself: picks the handler of an event, and does what all events have in common."""

from collections.abc import Callable
from typing import Any, Final

from plaudit_schemas.contract.log_checks import check_body, check_ids, check_sequence
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    END_CONVERSATION,
    ERASE_CONVERSATION,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
)
from plaudit_schemas.errors import ExpiredError, RefusedError

from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
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

Handler = Callable[[ConversationState, dict[str, Any], Event, Effects, Rules], None]

_LIFECYCLE: Final = (START_CONVERSATION, UPDATE_CONVERSATION)
"""Events whose ids are kept with the conversation. Other handlers keep the ids of theirs themselves."""

_HANDLERS: Final[dict[str, Handler]] = {
    START_CONVERSATION: start_conversation,
    UPDATE_CONVERSATION: update_conversation,
    ADD_MESSAGE: add_message,
    UPDATE_MESSAGE: update_message,
    COMPARE_MESSAGES: compare_messages,
    END_CONVERSATION: end_conversation,
    ERASE_CONVERSATION: erase_conversation,
}


def fold(state: ConversationState, event: Event, effects: Effects, rules: Rules) -> ConversationState:
    """Fold one event into a conversation's state, which is changed in place and returned.

    The result depends only on the state, the event and the rules, never on a clock. A log cut into any
    batches therefore gives the same states and the same total effects.

    Raises:
        RefusedError: the event goes to the dead letters. State and effects are unchanged.
    """
    record = event.record
    event_id = record["event_id"]
    name, body = record["body"]
    producer = record.get("producer", "")
    check_ids(event_id, producer)
    # Before the check for duplicates: an expired conversation no longer knows the ids of its events.
    if state.end is not None and name != ERASE_CONVERSATION:  # erasing is never too late
        _refuse_late(state, event, rules)
    # An erased conversation keeps no ids, so any second erasure counts as a duplicate.
    if event_id in state.seen or (state.erased and name == ERASE_CONVERSATION):
        effects.duplicates += 1
        return state
    check_body(body, event.size)
    check_sequence(record.get("sequence", 0))
    if state.series or name == START_CONVERSATION:
        _HANDLERS[name](state, body, event, effects, rules)
    else:
        _fold_before_start(state, event, effects, rules)
    if name in _LIFECYCLE:
        state.lifecycle.append(event_id)
    if name != ERASE_CONVERSATION:  # an erased conversation refuses every event, so it needs no ids
        state.seen.add(event_id)
    state.events += 1
    if producer and "sequence" in record:
        _count_sequence(state, producer, record["sequence"])
    if name not in (END_CONVERSATION, ERASE_CONVERSATION):  # an end is not activity
        state.is_open = True
        if event.arrived_ms > state.activity_ms:
            state.activity_ms = event.arrived_ms
    return state


def _fold_before_start(state: ConversationState, event: Event, effects: Effects, rules: Rules) -> None:
    """Fold an event that came before its conversation's start. Only the event itself names the series."""
    name, body = event.record["body"]
    state.series = series_of(state, {}, event, rules)
    try:
        _HANDLERS[name](state, body, event, effects, rules)
    except RefusedError:
        state.series = []  # a refused event leaves no trace
        raise
    state.dirty["conversation"] = None


def _refuse_late(state: ConversationState, event: Event, rules: Rules) -> None:
    if state.erased:
        raise ExpiredError("the conversation was erased")
    if not state.is_open and state.end is not None:
        # Record timestamps alone decide, so that a replay refuses the same events.
        age = event.arrived_ms - state.end["arrived_ms"]
        if age > rules.state_retention_ms:
            raise ExpiredError(f"the conversation ended {age // 1000} s before, past its retention")


def _count_sequence(state: ConversationState, producer: str, sequence: int) -> None:
    counted = state.producers.get(producer)
    if counted is None:
        state.producers[producer] = [sequence, 1]
    else:
        if sequence > counted[0]:
            counted[0] = sequence
        counted[1] += 1
