"""Feedback and comparisons. Each slot holds one value; `contract.words` decides which."""

from typing import Any

from plaudit_schemas.contract.log_checks import check_comparison, check_feedback
from plaudit_schemas.contract.words import Word, add_word, earlier_word

from plaudit_stream_processors.fold.agreement import recount_agreement
from plaudit_stream_processors.fold.aspects import recount_aspect
from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.counting import recount_cohort, recount_satisfaction
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.raters import slot_of, slots_of_user
from plaudit_stream_processors.fold.rules import ASPECTS_VERSION, CLOCKS_VERSION, Rules

Body = dict[str, Any]


def update_message(
    state: ConversationState, body: Body, event: Event, effects: Effects, rules: Rules
) -> None:
    """Fold feedback on a message that may not have come yet, or on the whole conversation."""
    feedback = body["feedback"]
    check_feedback(feedback)  # before anything changes: a refused event leaves no trace
    message_id: str = body.get("message_id", "")
    slot = slot_of(state, message_id, feedback, rules.version)
    kind = feedback["kind"] if "value" in feedback else "withdrawn"
    effects.counters.add(state.series, "feedback:" + kind, event.at, event.arrived_ms)
    known = state.feedback.get(slot)
    if known is None:
        known = _new_slot(state, slot, message_id)
    known.pop("joined", None)  # the conversation's user is somebody else by now
    holds = _say(known, feedback, event, rules)
    # Also of an event that does not hold, so that a repeat is recognised.
    known["events"].append(event.record["event_id"])
    state.dirty["feedback:" + slot] = known
    if holds:
        _recount(state, known, event, effects, rules)


def compare_messages(
    state: ConversationState, body: Body, event: Event, effects: Effects, rules: Rules
) -> None:
    """Fold a ranking of siblings. Of several with the same id one holds, as in a slot of feedback."""
    check_comparison(body)
    effects.counters.add(state.series, "feedback:comparison", event.at, event.arrived_ms)
    comparison_id = body["comparison_id"]
    known = state.comparisons.get(comparison_id)
    if known is None:
        known = state.comparisons[comparison_id] = {"n": len(state.comparisons), "events": []}
    known["events"].append(event.record["event_id"])
    state.dirty["comparison:" + comparison_id] = known  # even where it stays, it has one more event id
    if _say(known, body, event, rules):
        said = known.pop("feedback")
        for key in [key for key in known if key not in _OF_THE_STATE]:
            del known[key]
        known.update(said)
    else:
        known.pop("feedback", None)


def join_user(state: ConversationState, user_id: str, event: Event, effects: Effects, rules: Rules) -> None:
    """Make one rater of the conversation's user and of the rater of this id, who is the same person.

    The conversation's user may become known after their ratings. The words of a slot that names the user go
    to the slot of the conversation's user; the old slot counts no more and is not emitted.
    """
    names = slots_of_user(state, user_id)
    for name in sorted(names) if rules.version >= ASPECTS_VERSION else names:
        old = state.feedback[name]
        message_id = old["message_id"] or ""
        own = slot_of(state, message_id, old["feedback"], rules.version)
        if own == name:
            continue  # the user's own slot, where they named themselves last
        known = state.feedback.get(own) or _new_slot(state, own, message_id)
        for word in _words_of(old):
            _hold(known, word)
        old["feedback"] = {key: value for key, value in old["feedback"].items() if key != "value"}
        old["joined"] = True
        for slot, entity in ((name, old), (own, known)):
            state.dirty["feedback:" + slot] = entity
            _recount(state, entity, event, effects, rules)


_OF_THE_STATE = frozenset(("n", "events", "word", "others", "occurred_at", "event_id"))
"""Fields of a comparison's entity that the fold adds. No event carries them."""


def _new_slot(state: ConversationState, slot: str, message_id: str) -> Entity:
    entity: Entity = {"message_id": message_id or None, "events": []}
    state.feedback[slot] = entity
    state.slots_of.setdefault(message_id, []).append(slot)
    return entity


def _say(entity: Entity, said: Body, event: Event, rules: Rules) -> bool:
    """Let an event say something in a slot. Returns whether it is what the slot says now."""
    if rules.version >= CLOCKS_VERSION:
        return _hold(entity, event.word(said))
    if event.at < entity.get("occurred_at", event.at):
        return False
    entity["feedback"], entity["occurred_at"] = said, event.at
    return True


def _hold(entity: Entity, word: Word) -> bool:
    """Add a word to an entity's candidates. Returns whether what the entity says has changed."""
    words = _words_of(entity)
    before = entity.get("word")
    holder = add_word(words, word)
    entity["word"] = list(holder[:-1])  # what it says is the entity's own content
    entity["feedback"], entity["occurred_at"] = holder.said, holder.at
    entity["event_id"] = holder.event_id or None
    others = [list(one) for one in words if one is not holder]
    if others:
        entity["others"] = others
    else:
        entity.pop("others", None)
    changed: bool = before != entity["word"]
    return changed


def _words_of(entity: Entity) -> list[Word]:
    """The candidates of an entity, the holder's among them. Rules version 1 kept one, with its time only."""
    if "occurred_at" not in entity:
        return []
    said = entity.get("feedback")
    if said is None:  # a comparison: its content lies in the entity itself
        said = {key: value for key, value in entity.items() if key not in _OF_THE_STATE}
    if "word" not in entity:
        return [earlier_word(entity["occurred_at"], said)]
    return [Word(*(*entity["word"], said)), *(Word(*one) for one in entity.get("others", ()))]


def _recount(state: ConversationState, slot: Entity, event: Event, effects: Effects, rules: Rules) -> None:
    message_id = slot["message_id"]
    message = state.messages.get(message_id or "")
    if not message_id:
        recount_satisfaction(state, slot, None, event, effects)
    if not message_id or message is not None:  # else add_message counts it, if ever
        recount_aspect(state, slot, message, event, effects, rules)
    if message is not None and message["role"] == "assistant":
        recount_satisfaction(state, slot, message, event, effects)
        recount_cohort(state, message, event, effects, rules)
        recount_agreement(state, slot, message, event, effects, rules)
