"""Counts the votes on aspects. Each aspect, kind of rater, kind of value and level is a figure of its own."""

from typing import Any

from plaudit_schemas.contract.ratings import aspect_vote

from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import ASPECTS_VERSION, Rules
from plaudit_stream_processors.metrics.label_names import SeriesNames
from plaudit_stream_processors.metrics.label_votes import relabel
from plaudit_stream_processors.metrics.votes import Moment, revote

_LEVELS = {"assistant": "message", "user": "prompt"}
"""The level of a vote on a message, by the message's role. Votes on messages of other roles do not count."""


def recount_aspect(
    state: ConversationState,
    slot: Entity,
    message: Entity | None,
    event: Event,
    effects: Effects,
    rules: Rules,
) -> None:
    """Count a slot's vote: in the bucket of its first count, or else in that of its event time.

    Args:
        message: what the slot rates; None for the whole conversation. Feedback that comes before its message
            is counted when the message comes.
    """
    if rules.version < ASPECTS_VERSION:
        return
    names = rules.names(event.arrived_ms)
    vote = aspect_vote(slot["feedback"])
    voted: Entity | None = slot.get("voted")
    if voted is None:
        level = "conversation" if message is None else _LEVELS.get(message["role"])
        if vote is None or level is None:
            return
        # Fixed from here on: every later change corrects the same series and bucket (docs/metrics.md).
        voted = slot["voted"] = {
            "series": state.series if message is None else message.get("series", state.series),
            "family": _family(state.application, slot["feedback"], vote[0], level, names),
            "at": slot["occurred_at"],
            "vote": None,
        }
    old, new = voted["vote"], None if vote is None else vote[1]
    if isinstance(new, list):
        aspect = slot["feedback"]["aspect"]
        new = sorted({names.part_for(state.application, aspect, label) for label in new})
    if old == new:
        return
    moment = Moment(voted["at"], event.arrived_ms)
    count: Any = relabel if ":label:" in voted["family"] else revote
    count(effects.counters, state.votes, voted["series"], voted["family"], (old, new), moment)
    voted["vote"] = new
    state.dirty["votes"] = None


def _family(application: str, feedback: Entity, scale: str, level: str, names: SeriesNames) -> str:
    part = names.part_for(application, feedback["aspect"])
    return f"aspect:{feedback['rater']['kind']}:{scale}:{level}:{part}"
