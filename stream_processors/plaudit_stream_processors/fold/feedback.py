"""Feedback and comparisons. Each slot holds its latest value by event time; the log's order breaks ties."""

from json import dumps
from typing import Any

from plaudit_schemas.contract.log_checks import check_comparison, check_feedback

from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.counting import recount_cohort, recount_satisfaction
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import Rules

Body = dict[str, Any]


def update_message(
    state: ConversationState, body: Body, event: Event, effects: Effects, _rules: Rules
) -> None:
    """Fold feedback on a message that may not have come yet, or on the whole conversation."""
    feedback = body["feedback"]
    check_feedback(feedback)  # before anything changes: a refused event leaves no trace
    message_id: str = body.get("message_id", "")
    slot = slot_of(message_id, feedback)
    kind = feedback["kind"] if "value" in feedback else "withdrawn"
    effects.counters.add(state.series, "feedback:" + kind, event.at, event.arrived_ms)
    known = state.feedback.get(slot)
    if known is None:
        known = {
            "message_id": message_id or None,
            "feedback": feedback,
            "occurred_at": event.at,
            "events": [],
        }
        state.feedback[slot] = known
        state.slots_of.setdefault(message_id, []).append(slot)
    elif event.at >= known["occurred_at"]:
        known["feedback"] = feedback
        known["occurred_at"] = event.at
    else:  # older than the slot's value: only its id is kept, so that a repeat is recognised
        state.dirty["feedback:" + slot] = known
        known["events"].append(event.record["event_id"])
        return
    state.dirty["feedback:" + slot] = known
    known["events"].append(event.record["event_id"])
    message = state.messages.get(message_id)
    if not message_id:
        recount_satisfaction(state, known, None, event, effects)
    elif message is not None and message["role"] == "assistant":  # else add_message counts it, if ever
        recount_satisfaction(state, known, message, event, effects)
        recount_cohort(state, message, event, effects)


def compare_messages(
    state: ConversationState, body: Body, event: Event, effects: Effects, _rules: Rules
) -> None:
    """Fold a ranking of siblings. A second one with the same id replaces the first unless it is older."""
    check_comparison(body)
    effects.counters.add(state.series, "feedback:comparison", event.at, event.arrived_ms)
    known = state.comparisons.get(body["comparison_id"])
    events = [] if known is None else known["events"]
    events.append(event.record["event_id"])
    if known is not None:  # even where it stays, it has one more event id
        state.dirty["comparison:" + body["comparison_id"]] = known
    if known is None or event.at >= known["occurred_at"]:
        number = len(state.comparisons) if known is None else known["n"]
        entity: Entity = {**body, "occurred_at": event.at, "n": number, "events": events}
        state.comparisons[body["comparison_id"]] = entity
        state.dirty["comparison:" + body["comparison_id"]] = entity


def slot_of(message_id: str, feedback: Body) -> str:
    """The slot's name, a JSON list: message, rater's kind and id, aspect, kind of value, signal."""
    # JSON, because an id may hold any character that could separate the parts.
    rater = feedback["rater"]
    place = (message_id, rater["kind"], rater.get("id", ""), feedback["aspect"], feedback["kind"])
    return dumps([*place, feedback.get("signal", "")], ensure_ascii=False)
