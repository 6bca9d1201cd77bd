"""Feedback and comparisons: one value a slot, the latest by event time, then by the log's order."""

from json import dumps
from math import isfinite
from typing import Any

from plaudit_schemas.limits import ID_CHARACTERS

from plaudit_stream_processors.fold.conversation import Conversation, Entity
from plaudit_stream_processors.fold.counting import recount_cohort, recount_satisfaction
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.events import Event, Refused
from plaudit_stream_processors.fold.rules import Rules

Body = dict[str, Any]
KINDS = {
    "plaudit.v1.Thumb": "thumb",
    "plaudit.v1.Number": "number",
    "plaudit.v1.Label": "label",
    "plaudit.v1.Text": "text",
    "plaudit.v1.Correction": "correction",
    "plaudit.v1.Signal": "signal",
}


def update_message(state: Conversation, body: Body, event: Event, effects: Effects, _rules: Rules) -> None:
    """A judgement of a message that may not have come yet, or of the whole conversation."""
    feedback = body["feedback"]
    _check(feedback)
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
    else:
        state.dirty["feedback:" + slot] = known
        known["events"].append(event.record["event_id"])
        return
    state.dirty["feedback:" + slot] = known
    known["events"].append(event.record["event_id"])
    message = state.messages.get(message_id)
    if not message_id:
        recount_satisfaction(state, known, None, event, effects)
    elif message is not None and message["role"] == "assistant":
        recount_satisfaction(state, known, message, event, effects)
        recount_cohort(state, message, event, effects)


def compare_messages(state: Conversation, body: Body, event: Event, effects: Effects, _rules: Rules) -> None:
    """A ranking of siblings; a second one with the same id replaces it if it is not older."""
    candidates, ranking = body.get("candidates", []), body.get("ranking", [])
    ranked = [message for group in ranking for message in group]
    if len(candidates) < 2 or len(set(candidates)) != len(candidates):
        raise Refused("invalid", "a comparison needs two candidates or more, each once")
    if len(set(ranked)) != len(ranked) or not set(ranked) <= set(candidates):
        raise Refused("invalid", "a ranking holds candidates only, each once")
    effects.counters.add(state.series, "feedback:comparison", event.at, event.arrived_ms)
    known = state.comparisons.get(body["comparison_id"])
    events = [] if known is None else known["events"]
    events.append(event.record["event_id"])
    if known is not None:
        state.dirty["comparison:" + body["comparison_id"]] = known
    if known is None or event.at >= known["occurred_at"]:
        number = len(state.comparisons) if known is None else known["n"]
        entity: Entity = {**body, "occurred_at": event.at, "n": number, "events": events}
        state.comparisons[body["comparison_id"]] = entity
        state.dirty["comparison:" + body["comparison_id"]] = entity


def slot_of(message_id: str, feedback: Body) -> str:
    """The slot's name, a JSON list: message, rater's kind and id, aspect, kind of value, signal."""
    rater = feedback["rater"]
    place = (message_id, rater["kind"], rater.get("id", ""), feedback["aspect"], feedback["kind"])
    return dumps([*place, feedback.get("signal", "")], ensure_ascii=False)


def _check(feedback: Body) -> None:
    if feedback["kind"] == "unknown":
        raise Refused("invalid", "a feedback's kind is unknown; name the kind that is given or withdrawn")
    for name in ("id", "aspect", "signal"):
        if not 0 < len(feedback.get(name, "-")) <= ID_CHARACTERS:
            raise Refused("invalid", f"a feedback's {name} must have 1 to {ID_CHARACTERS} characters")
    if len(feedback["rater"].get("id", "")) > ID_CHARACTERS:
        raise Refused("invalid", f"a rater's id must have at most {ID_CHARACTERS} characters")
    if (feedback["kind"] == "signal") != ("signal" in feedback):
        raise Refused("invalid", "a feedback of kind signal, and no other, names its signal")
    if not 0 <= feedback.get("confidence", 0) <= 1:
        raise Refused("invalid", "a feedback's confidence must be from 0 to 1")
    if "value" in feedback:
        _check_value(feedback)


def _check_value(feedback: Body) -> None:
    name, value = feedback["value"]
    kind = KINDS[name]
    if kind != feedback["kind"]:
        raise Refused("invalid", f"a feedback's kind is {feedback['kind']}, but its value is a {kind}")
    if kind == "signal" and value["name"] != feedback["signal"]:
        raise Refused("invalid", "a feedback's signal differs from its value's name")
    if kind == "signal" and not isfinite(value.get("number", 0)):
        raise Refused("invalid", "a signal's number must be finite")
    if kind == "number" and not _on_scale(value["minimum"], value["number"], value["maximum"]):
        raise Refused("invalid", "a number lies outside its scale, or the scale is empty")


def _on_scale(minimum: float, value: float, maximum: float) -> bool:
    """Whether a number lies on a scale; one too wide for a float's difference is none."""
    return isfinite(maximum - minimum) and minimum < maximum and minimum <= value <= maximum
