"""Words that a conversation's state can no longer take, or that must not wait for its next end.

Such a word is emitted at once as an Amendment, with what was said and no content of the chat. The sink keeps
amendments in a subset of their own, and the snapshot builder merges them by event id. So an amendment that
is emitted beside a change of the state does no harm: it is the same event.
"""

from typing import Any, Final

from plaudit_schemas.contract.log_checks import check_body, check_comparison, check_feedback
from plaudit_schemas.contract.names import (
    COMPARE_MESSAGES,
    EXCLUDE_FROM_TRAINING,
    START_CONVERSATION,
    UPDATE_CONVERSATION,
    UPDATE_MESSAGE,
)

from plaudit_stream_processors.fold.consent import DENIED
from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects, Emission
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import Rules

Body = dict[str, Any]

_WORDS: Final = (UPDATE_MESSAGE, COMPARE_MESSAGES, EXCLUDE_FROM_TRAINING)


def is_model_feedback(name: str, body: Body) -> bool:
    """Whether a model says something. That is no activity of the conversation."""
    if name == UPDATE_MESSAGE:
        return bool(body["feedback"]["rater"]["kind"] == "model")
    return name == COMPARE_MESSAGES and bool(body["rater"]["kind"] == "model")


def may_amend(name: str, body: Body) -> bool:
    """Whether a word counts after the state is gone: feedback, exclusions, denials of consent."""
    return name in _WORDS or is_denial(name, body)


def is_denial(name: str, body: Body) -> bool:
    """Whether the user denies consent."""
    return name in (UPDATE_CONVERSATION, START_CONVERSATION) and bool(body["consent"] == DENIED)


def is_mere_denial(name: str, body: Body) -> bool:
    """Whether the user denies consent, and nothing else is said that only a later revision could carry."""
    return name == UPDATE_CONVERSATION and is_denial(name, body) and body.keys() <= {"consent"}


def must_not_wait(state: ConversationState, name: str, body: Body) -> bool:
    """Whether a word is emitted at once although the state takes it.

    A conversation that has ended may never end again. One whose start is not known may have ended long ago,
    and its end would emit nothing. Feedback of people opens an ended conversation again, so it needs none.
    """
    if state.started is None:
        return name != START_CONVERSATION and may_amend(name, body)
    if state.is_open:
        return False
    return is_denial(name, body) or name == EXCLUDE_FROM_TRAINING or is_model_feedback(name, body)


def amend(state: ConversationState, event: Event, effects: Effects, rules: Rules) -> None:
    """Emit an event as an amendment.

    Raises:
        InvalidEventError: it breaks a limit or a rule of the contract.
    """
    record = event.record
    name, body = record["body"]
    check_body(body, event.size)
    if name == UPDATE_MESSAGE:
        check_feedback(body["feedback"])
    elif name == COMPARE_MESSAGES:
        check_comparison(body)
    elif is_denial(name, body):
        name, body = UPDATE_CONVERSATION, {"consent": DENIED}
    amendment = {
        "application": state.application,
        "conversation_id": state.conversation_id,
        "event_id": record["event_id"],
        "occurred_at": event.at,
        "arrived_at": event.arrived_ms * 1000,
        "source": record["source"],
        "body": (name, body),
        "rules": rules.version,
        "source_partition": event.partition,
        "source_offset": event.offset,
    }
    for field in ("producer", "sequence"):
        if field in record:
            amendment[field] = record[field]
    if "held_ms" in record:
        # A dead letter that was sent again has waited since its first arrival too.
        amendment["held_ms"] = event.arrived_ms - event.place // 1000
    effects.finished.append(Emission(state.key, event.offset, amendment, "amendment"))
    effects.amendments += 1
