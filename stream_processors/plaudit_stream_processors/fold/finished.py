"""Makes the FinishedConversation of a state, which the sink reads."""

from typing import Any

from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.facts import excluded
from plaudit_stream_processors.fold.rules import Rules

Record = dict[str, Any]


def finished_record(state: ConversationState, event: Event, rules: Rules) -> Record:
    """The record for `codec.wire.Encoder`; `event` is the one that finishes the revision."""
    whole = unbroken(state.messages)
    out = excluded(state)
    several = len({message.get("producer") for message in state.messages.values()}) > 1
    return {
        **state.facts,
        **_envelope(state, event),
        "rules": rules.version,
        "excluded": "" in out,
        "started_at": state.started,
        "end_reason": state.end["reason"] if state.end else "unknown",
        "messages": [
            _message(message, orphan=message_id not in whole, left_out=message_id in out, several=several)
            for message_id, message in state.messages.items()
        ],
        # By slot: a state that was read back from Redis has lost the log's order of its feedback.
        "feedback": [slot for _, slot in sorted(state.feedback.items()) if "value" in slot["feedback"]],
        "comparisons": list(state.comparisons.values()),
        "events": state.events + 1,  # the fold counts the finishing event only after this
        "missing_events": state.missing_events(),
    }


def _message(message: Entity, *, orphan: bool, left_out: bool, several: bool) -> Entity:
    """A message as the sink gets it. `several` says that messages here come from several producers."""
    guessed = several and "unanswered" in message
    if not orphan and not left_out and not guessed:
        return message
    guessed = guessed or message.get("parent_guessed", False)
    return {**message, "orphan": orphan, "excluded": left_out, "parent_guessed": guessed}


def tombstone_record(state: ConversationState, reason: str, event: Event) -> Record:
    """The tombstone of an erased conversation. It holds no content and no facts."""
    return {
        **_envelope(state, event),
        "erased": True,
        "erase_reason": reason,
        "started_at": event.at,
        "source": event.record["source"],
        "events": state.events + 1,
    }


def unbroken(messages: dict[str, Entity]) -> set[str]:
    """Ids of the messages whose line of parents reaches a root; a missing parent or a cycle breaks it."""
    whole: set[str] = set()
    broken: set[str] = set()
    for message_id, message in messages.items():
        if not message["parent_id"] or message["parent_id"] in whole:  # nearly all: parents come first
            whole.add(message_id)
            continue
        # The whole line shares the outcome, so no message is walked twice.
        line: list[str] = []
        on_line: set[str] = set()
        current = message_id
        while current and current in messages and current not in whole and current not in broken:
            if current in on_line:
                break
            line.append(current)
            on_line.add(current)
            current = messages[current]["parent_id"]
        (whole if not current or current in whole else broken).update(line)
    return whole


def _envelope(state: ConversationState, event: Event) -> Record:
    return {
        "application": state.application,
        "conversation_id": state.conversation_id,
        "revision": state.revision,
        "ended_at": event.at,
        "finished_at": event.arrived_ms * 1000,
        "source_partition": event.partition,
        "source_offset": event.offset,
    }
