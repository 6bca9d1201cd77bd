"""What a conversation without any room still takes: its end, denials of consent and exclusions.

They change nothing that could grow, and their ids are not kept. A repeat says the same again.
"""

from plaudit_schemas.contract.log_checks import check_body, check_held, check_sequence, check_times
from plaudit_schemas.contract.names import (
    END_CONVERSATION,
    ERASE_CONVERSATION,
    EXCLUDE_FROM_TRAINING,
    START_CONVERSATION,
)
from plaudit_schemas.errors import TooLargeError

from plaudit_stream_processors.fold.amendments import amend, is_denial
from plaudit_stream_processors.fold.consent import DENIED, set_consent
from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.lifecycle import end_conversation
from plaudit_stream_processors.fold.room import is_overgrown, used_bytes
from plaudit_stream_processors.fold.rules import Rules


def fold_last_word(state: ConversationState, event: Event, effects: Effects, rules: Rules) -> bool:
    """Fold an event of a conversation that is spent. Returns False where it is folded as in any other.

    Raises:
        TooLargeError: the conversation is overgrown. Its other events, and their ids, are not looked at.
        InvalidEventError: the event breaks a limit or a rule of the contract.
    """
    record = event.record
    name, body = record["body"]
    overgrown = is_overgrown(state)
    if name == ERASE_CONVERSATION or not (overgrown or _is_last_word(state, event)):
        return False
    check_body(body, event.size)
    check_sequence(record.get("sequence", 0))
    check_times(record)
    check_held(record.get("held_ms", 0))
    if name == END_CONVERSATION:
        end_conversation(state, body, event, effects, rules)
    elif name == EXCLUDE_FROM_TRAINING:
        amend(state, event, effects, rules)
    elif is_denial(name, body):
        set_consent(state, DENIED, event, rules)
        state.dirty["conversation"] = None
        amend(state, event, effects, rules)
    else:
        raise TooLargeError(f"the conversation has {used_bytes(state)} bytes, more than a record may have")
    state.events += 1
    if record.get("producer", "") in state.producers:
        state.count_sequence(record)
    return True


def _is_last_word(state: ConversationState, event: Event) -> bool:
    """Whether a spent conversation takes an event, and has not taken it before it was spent."""
    name, body = event.record["body"]
    if event.record["event_id"] in state.seen or (name == START_CONVERSATION and state.started is None):
        return False
    return name in (END_CONVERSATION, EXCLUDE_FROM_TRAINING) or is_denial(name, body)
