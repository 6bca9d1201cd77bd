"""The fold itself: picks the handler of an event, and does what all events have in common."""

from collections.abc import Callable
from typing import Any, Final

from plaudit_schemas.contract.log_checks import (
    check_body,
    check_held,
    check_ids,
    check_sequence,
    check_times,
)
from plaudit_schemas.contract.names import (
    ADD_MESSAGE,
    COMPARE_MESSAGES,
    DECLINE_REVIEW,
    END_CONVERSATION,
    ERASE_CONVERSATION,
    EXCLUDE_FROM_TRAINING,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
)
from plaudit_schemas.errors import ExpiredError, RefusedError

from plaudit_stream_processors.fold.amendments import (
    amend,
    is_mere_denial,
    is_model_feedback,
    may_amend,
    must_not_wait,
)
from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.facts import exclude
from plaudit_stream_processors.fold.feedback import compare_messages, update_message
from plaudit_stream_processors.fold.last_words import fold_last_word
from plaudit_stream_processors.fold.lifecycle import (
    decline_review,
    end_conversation,
    erase_conversation,
    start_conversation,
    update_conversation,
)
from plaudit_stream_processors.fold.messages import add_message
from plaudit_stream_processors.fold.room import fill_room, is_spent, take_room
from plaudit_stream_processors.fold.rules import CAPS_VERSION, CLOCKS_VERSION, Rules
from plaudit_stream_processors.fold.series import series_of

Handler = Callable[[ConversationState, dict[str, Any], Event, Effects, Rules], None]

_LIFECYCLE: Final = (
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    END_CONVERSATION,
    EXCLUDE_FROM_TRAINING,
    DECLINE_REVIEW,
)
"""Events whose ids are kept with the conversation. Other handlers keep the ids of theirs themselves."""

_HANDLERS: Final[dict[str, Handler]] = {
    START_CONVERSATION: start_conversation,
    UPDATE_CONVERSATION: update_conversation,
    ADD_MESSAGE: add_message,
    UPDATE_MESSAGE: update_message,
    COMPARE_MESSAGES: compare_messages,
    END_CONVERSATION: end_conversation,
    ERASE_CONVERSATION: erase_conversation,
    EXCLUDE_FROM_TRAINING: exclude,
    DECLINE_REVIEW: decline_review,
}

_NO_ACTIVITY: Final = (END_CONVERSATION, ERASE_CONVERSATION)


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
    if state.end is not None and name != ERASE_CONVERSATION and _is_late(state, event, effects, rules):
        return state
    if rules.version >= CAPS_VERSION and is_spent(state) and fold_last_word(state, event, effects, rules):
        return state
    # An erased conversation keeps no ids, so any second erasure counts as a duplicate.
    if event_id in state.seen or (state.erased and name == ERASE_CONVERSATION):
        effects.duplicates += 1
        return state
    check_body(body, event.size)
    check_sequence(record.get("sequence", 0))
    by_model = at_once = False
    if rules.version >= CLOCKS_VERSION:
        check_times(record)
        check_held(record.get("held_ms", 0))
        by_model = is_model_feedback(name, body)
        at_once = (not state.is_open or state.started is None) and must_not_wait(state, name, body)
        if at_once and by_model and state.is_new():
            amend(state, event, effects, rules)
            return state  # nothing of the conversation is here that the score could join
    if rules.version >= CAPS_VERSION and name == END_CONVERSATION and state.is_new():
        effects.ignored += 1
        return state  # a state that is neither open nor ended could not be kept, nor expire
    _handle(state, event, effects, rules)
    if at_once:
        amend(state, event, effects, rules)
    _count_event(state, event, effects, rules)
    if not by_model and name not in _NO_ACTIVITY:
        _note_activity(state, event, rules)
    return state


def _handle(state: ConversationState, event: Event, effects: Effects, rules: Rules) -> None:
    """Let the handler of an event change the state, if the conversation has room for it."""
    name, body = event.record["body"]
    room = take_room(state, event) if rules.version >= CAPS_VERSION else None
    if state.series or name == START_CONVERSATION:
        _HANDLERS[name](state, body, event, effects, rules)
    else:
        _fold_before_start(state, event, effects, rules)
    if room is not None and name != ERASE_CONVERSATION:  # of an erased conversation nothing is left
        fill_room(state, event, room)


def _count_event(state: ConversationState, event: Event, effects: Effects, rules: Rules) -> None:
    """Remember that an event was folded."""
    record = event.record
    name = record["body"][0]
    if name in _LIFECYCLE:
        state.lifecycle.append(record["event_id"])
    if name != ERASE_CONVERSATION:  # an erased conversation refuses every event, so it needs no ids
        state.seen.add(record["event_id"])
    state.events += 1
    state.count_sequence(record)
    if event.skewed and rules.version >= CLOCKS_VERSION:
        effects.skewed += 1
        effects.counters.add(state.series, "skewed", event.at, event.arrived_ms)


def _note_activity(state: ConversationState, event: Event, rules: Rules) -> None:
    """Open the conversation, and move its last activity."""
    # Words that are no message of the chat need not open it again: an amendment carries them.
    if state.end is not None and not state.is_open and rules.version >= CLOCKS_VERSION:
        name, body = event.record["body"]
        if is_mere_denial(name, body) or name in (EXCLUDE_FROM_TRAINING, DECLINE_REVIEW):
            return
    state.is_open = True
    if event.arrived_ms > state.activity_ms:
        state.activity_ms = event.arrived_ms


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


def _is_late(state: ConversationState, event: Event, effects: Effects, rules: Rules) -> bool:
    """Whether an event comes too late for the state, and was emitted as an amendment or dropped.

    Raises:
        ExpiredError: it comes too late, and cannot be an amendment.
    """
    name, body = event.record["body"]
    if state.erased:
        if rules.version >= CLOCKS_VERSION and is_model_feedback(name, body):
            effects.dropped_scores += 1
            return True
        raise ExpiredError("the conversation was erased")
    if state.is_open or state.end is None:
        return False
    # Record timestamps alone decide, so that a replay refuses the same events.
    age = event.arrived_ms - state.end["arrived_ms"]
    if age <= rules.state_retention_ms:
        return False
    if rules.version >= CLOCKS_VERSION and may_amend(name, body):
        check_times(event.record)
        check_held(event.record.get("held_ms", 0))
        amend(state, event, effects, rules)
        return True
    raise ExpiredError(f"the conversation ended {age // 1000} s before, past its retention")
