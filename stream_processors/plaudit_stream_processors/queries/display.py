"""A conversation's state as JSON, and as text for a person."""

from typing import Any

import orjson
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.contract.times import time_text

from plaudit_stream_processors.fold import ConversationState


def document_of(state: ConversationState) -> dict[str, Any]:
    """A state as one JSON object."""
    return {
        "application": state.application,
        "conversation_id": state.conversation_id,
        "open": state.is_open,
        "erased": state.erased,
        "revision": state.revision,
        "started_at": state.started,
        "end": state.end,
        "events": state.events,
        "missing_events": state.missing_events(),
        **state.facts,
        "messages": list(state.messages.values()),
        "feedback": list(state.feedback.values()),
        "comparisons": list(state.comparisons.values()),
    }


def json_text(state: ConversationState) -> str:
    """A state as indented JSON."""
    return orjson.dumps(document_of(state), option=orjson.OPT_INDENT_2).decode()


def plain_text(state: ConversationState) -> str:
    """A state as text for a person, with a line for each message and judgement."""
    status = "erased" if state.erased else "open" if state.is_open else "ended"
    lines = [f"{state.key}: {status}, revision {state.revision}, {state.events} events"]
    if state.started is not None:
        lines.append(f"started {time_text(state.started)}")
    lines += [f"{name}: {value}" for name, value in state.facts.items()]
    for message in state.messages.values():
        lines.append(f"[{message['message_id']}] {message['role']}: {message['content']!r}")
        lines += [
            f"    {_judgement(state.feedback[slot])}"
            for slot in state.slots_of.get(message["message_id"], ())
        ]
    lines += [_judgement(state.feedback[slot]) for slot in state.slots_of.get("", ())]
    lines += [f"ranking {item['ranking']} of {item['candidates']}" for item in state.comparisons.values()]
    return "\n".join(map(printable, lines))


def _judgement(slot: dict[str, Any]) -> str:
    feedback = slot["feedback"]
    value = feedback["value"][1] if "value" in feedback else "withdrawn"
    return f"{feedback['rater']['kind']} {feedback['rater'].get('id', '')} {feedback['aspect']}: {value}"
