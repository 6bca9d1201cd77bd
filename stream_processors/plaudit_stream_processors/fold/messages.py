"""Messages form a tree. A null parent means the message before it in the log; an empty one marks a root."""

from typing import Any

from plaudit_schemas.errors import ConflictError

from plaudit_stream_processors.fold.agreement import recount_agreement
from plaudit_stream_processors.fold.aspects import recount_aspect
from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.counting import (
    count_message,
    recount_cohort,
    recount_latency,
    recount_satisfaction,
)
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import ASPECTS_VERSION, CLOCKS_VERSION, SCORES_VERSION, Rules
from plaudit_stream_processors.fold.series import series_of

_ADDED_BY_FOLD = frozenset(
    (
        "occurred_at",
        "n",
        "events",
        "series",
        "flags",
        "verdicts",
        "latency_bucket",
        "producer",
        "parent_guessed",
        "unanswered",
        "completed_ms",
    )
)
"""Fields of a message's entity that the fold adds. No event carries them."""


def add_message(
    state: ConversationState, body: dict[str, Any], event: Event, effects: Effects, rules: Rules
) -> None:
    """Fold a new message, or the completion of one that was partial, cut or failed."""
    message_id = body["message_id"]
    known = state.messages.get(message_id)
    if known is not None:
        _replace(state, known, body, event, effects, rules)
        return
    message = body
    if "parent_id" not in message:
        message["parent_id"] = state.last_message
        _note_guess(state, message, event, rules)
    if rules.version >= CLOCKS_VERSION:
        message["producer"] = event.record.get("producer", "")
    message["occurred_at"] = event.at
    message["n"] = len(state.messages)  # the log's order, which a Redis hash does not keep
    message["events"] = [event.record["event_id"]]
    state.messages[message_id] = message
    state.last_message = message_id
    state.dirty["message:" + message_id] = message
    overrides = "model" in message or "variants" in message
    series = series_of(state, message, event, rules) if overrides else state.series
    if message["role"] == "assistant":
        message["series"] = series
        _note_completion(message, event, rules)
        _join_siblings(state, message, event, effects, rules)
    count_message(message, series, event, effects, rules)
    if message_id in state.slots_of:
        _count_waiting_feedback(state, message, event, effects, rules)


def given_fields(message: Entity) -> Entity:
    """What events said of a message, without what the fold added."""
    return {key: value for key, value in message.items() if key not in _ADDED_BY_FOLD}


def _note_completion(answer: Entity, event: Event, rules: Rules) -> None:
    """Keep the broker's time of the record that completed an answer: a scorer's version depends on it."""
    if answer["status"] == "complete" and rules.version >= SCORES_VERSION:
        answer["completed_ms"] = event.arrived_ms


def _note_guess(state: ConversationState, message: Entity, event: Event, rules: Rules) -> None:
    """Mark a message whose parent may be another one than the message before it in the log.

    Two producers, such as a page and a backend, can overtake each other. A question right after a question is
    marked `unanswered`: if another producer speaks here too, the answer to the first may be on its way.
    """
    before = state.messages.get(state.last_message)
    if before is None or rules.version < CLOCKS_VERSION:
        return
    producer: str = event.record.get("producer", "")
    if before.get("producer", producer) != producer:
        message["parent_guessed"] = True
    elif message["role"] == before["role"] == "user":
        message["unanswered"] = True


def _join_siblings(
    state: ConversationState, message: Entity, event: Event, effects: Effects, rules: Rules
) -> None:
    siblings = state.children.setdefault(message["parent_id"], [])
    siblings.append(message["message_id"])
    if len(siblings) > 1:  # the sibling before counts as regenerated now
        recount_cohort(state, state.messages[siblings[-2]], event, effects, rules)


def _count_waiting_feedback(
    state: ConversationState, message: Entity, event: Event, effects: Effects, rules: Rules
) -> None:
    """Count the feedback that came before its message."""
    answers = message["role"] == "assistant"
    slots = state.slots_of[message["message_id"]]
    # A state that was read back has its slots in this order. The first of the votes makes the conversation's
    # cluster, so before version 3 its bucket could differ from that of a replay.
    for slot in sorted(slots) if rules.version >= ASPECTS_VERSION else slots:
        if answers:  # figures of satisfaction are of answers alone
            recount_satisfaction(state, state.feedback[slot], message, event, effects)
        recount_aspect(state, state.feedback[slot], message, event, effects, rules)
        state.dirty["feedback:" + slot] = state.feedback[slot]
    if answers:
        recount_cohort(state, message, event, effects, rules)
        recount_agreement(state, None, message, event, effects, rules)


def _replace(
    state: ConversationState,
    known: Entity,
    body: dict[str, Any],
    event: Event,
    effects: Effects,
    rules: Rules,
) -> None:
    """Fold a message whose id is known.

    Raises:
        ConflictError: a complete message came with other content, or one of another role or parent.
    """
    added = {key: value for key, value in known.items() if key in _ADDED_BY_FOLD}
    given = given_fields(known)
    body.setdefault("parent_id", known["parent_id"])
    if given == body:  # a repeat under another event id
        known["events"].append(event.record["event_id"])
        state.dirty["message:" + known["message_id"]] = known
        return
    if known["status"] not in ("partial", "cut", "error"):
        raise ConflictError(
            f"message {known['message_id']} is {known['status']} and came again with other content"
        )
    if body["role"] != known["role"] or body["parent_id"] != known["parent_id"]:
        raise ConflictError(f"message {known['message_id']} came again with another role or parent")
    known.clear()
    known.update(body)
    known.update(added)
    known["events"].append(event.record["event_id"])
    state.dirty["message:" + known["message_id"]] = known
    if known["role"] == "assistant":
        _note_completion(known, event, rules)
        recount_latency(known, event, effects, rules)
        recount_cohort(state, known, event, effects, rules)
