"""Messages: a tree in which a null parent means the message before it in the log."""

from typing import Any

from plaudit_stream_processors.fold.conversation import Conversation, Entity
from plaudit_stream_processors.fold.counting import (
    count_message,
    recount_cohort,
    recount_latency,
    recount_satisfaction,
)
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.events import Event, Refused
from plaudit_stream_processors.fold.rules import Rules
from plaudit_stream_processors.fold.series import series_of

OWN = frozenset(("occurred_at", "n", "events", "series", "flags", "verdicts", "latency_bucket"))
"""Fields of a message's entity that are the fold's own; all others are the event's."""


def add_message(
    state: Conversation, body: dict[str, Any], event: Event, effects: Effects, rules: Rules
) -> None:
    """A new message, or the rest of one that was partial, cut or failed."""
    message_id = body["message_id"]
    known = state.messages.get(message_id)
    if known is not None:
        _replace(state, known, body, event, effects)
        return
    if "parent_id" not in body:
        body["parent_id"] = state.last_message
    message = body
    message["occurred_at"] = event.at
    message["n"] = len(state.messages)
    message["events"] = [event.record["event_id"]]
    state.messages[message_id] = message
    state.last_message = message_id
    state.dirty["message:" + message_id] = message
    overrides = "model" in message or "variants" in message
    series = series_of(state, message, event, rules) if overrides else state.series
    if message["role"] == "assistant":
        message["series"] = series
        _join_siblings(state, message, event, effects)
    count_message(message, series, event, effects)
    if message_id in state.slots_of:
        _take_waiting(state, message, event, effects)


def _join_siblings(state: Conversation, message: Entity, event: Event, effects: Effects) -> None:
    siblings = state.children.setdefault(message["parent_id"], [])
    siblings.append(message["message_id"])
    if len(siblings) > 1:
        recount_cohort(state, state.messages[siblings[-2]], event, effects)


def _take_waiting(state: Conversation, message: Entity, event: Event, effects: Effects) -> None:
    """Count the feedback that came before its message."""
    if message["role"] != "assistant":
        return
    for slot in state.slots_of[message["message_id"]]:
        recount_satisfaction(state, state.feedback[slot], message, event, effects)
        state.dirty["feedback:" + slot] = state.feedback[slot]
    recount_cohort(state, message, event, effects)


def _replace(
    state: Conversation, known: Entity, body: dict[str, Any], event: Event, effects: Effects
) -> None:
    kept = {key: value for key, value in known.items() if key in OWN}
    said = {key: value for key, value in known.items() if key not in OWN}
    body.setdefault("parent_id", known["parent_id"])
    if said == body:  # the same message under another event id
        known["events"].append(event.record["event_id"])
        state.dirty["message:" + known["message_id"]] = known
        return
    if known["status"] not in ("partial", "cut", "error"):
        raise Refused(
            "conflict", f"message {known['message_id']} is {known['status']} and came with other content"
        )
    if body["role"] != known["role"] or body["parent_id"] != known["parent_id"]:
        raise Refused("conflict", f"message {known['message_id']} came again with another role or parent")
    known.clear()
    known.update(body)
    known.update(kept)
    known["events"].append(event.record["event_id"])
    state.dirty["message:" + known["message_id"]] = known
    if known["role"] == "assistant":
        recount_latency(known, event, effects)
        recount_cohort(state, known, event, effects)
