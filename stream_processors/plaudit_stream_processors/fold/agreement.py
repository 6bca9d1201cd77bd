"""Compares the scores of models with what people say of the same message and aspect."""

from typing import Final, NamedTuple

from plaudit_schemas.contract.ratings import WITH_OWN_FIGURES, is_score, judgement, score_of

from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import SCORES_VERSION, Rules
from plaudit_stream_processors.metrics.agreement_counts import FAMILY, Pair, recount_pair
from plaudit_stream_processors.metrics.label_names import SeriesNames
from plaudit_stream_processors.metrics.votes import Moment

PEOPLE: Final = ("user", "reviewer")
_JUDGES: Final = ("thumb", "number", "label")
"""Kinds of value that can say whether people are for a message."""


class _Majority(NamedTuple):
    """What most people of a kind say: for the message, against it, or a tie (None).

    Attributes:
        since: event time of the earliest of them, in microseconds.
    """

    liked: bool | None
    since: int


def recount_agreement(
    state: ConversationState,
    slot: Entity | None,
    message: Entity,
    event: Event,
    effects: Effects,
    rules: Rules,
) -> None:
    """Bring the pairs of the message's scores and of people's majorities up to date.

    Args:
        slot: the slot that changed; None if the message came after its feedback.
        message: an assistant's.
    """
    if rules.version < SCORES_VERSION or (slot is not None and slot["feedback"]["kind"] not in _JUDGES):
        return
    slots = state.slots_of[message["message_id"]]
    scores = [name for name in slots if is_score(state.feedback[name]["feedback"])]
    # In the order of names: the first pair makes the conversation's cluster, and a state that was read back
    # has lost the log's order.
    for name in sorted(scores):
        score = state.feedback[name]
        majorities = _majorities(state, slots, score["feedback"]["aspect"])
        if _recount_score(state, score, majorities, message["series"], event, effects, rules):
            state.dirty["feedback:" + name] = score
            state.dirty["votes"] = None


def _majorities(state: ConversationState, slots: list[str], aspect: str) -> dict[str, _Majority]:
    balance: dict[str, int] = {}
    since: dict[str, int] = {}
    for name in slots:
        slot = state.feedback[name]
        feedback = slot["feedback"]
        kind = feedback["rater"]["kind"]
        if kind not in PEOPLE or feedback["aspect"] != aspect:
            continue
        liked = judgement(feedback)
        if liked is not None:
            balance[kind] = balance.get(kind, 0) + (1 if liked else -1)
            since[kind] = min(since.get(kind, slot["occurred_at"]), slot["occurred_at"])
    return {kind: _Majority(lead > 0 if lead else None, since[kind]) for kind, lead in balance.items()}


def _recount_score(
    state: ConversationState,
    score: Entity,
    majorities: dict[str, _Majority],
    series: list[str],
    event: Event,
    effects: Effects,
    rules: Rules,
) -> bool:
    """Count a score against the majority of each kind of people. Returns whether a pair changed."""
    number = score_of(score["feedback"])
    changed = False
    for kind in PEOPLE:
        counted = score.get("agreed", {}).get(kind)
        new = _pair(number, majorities.get(kind))
        if counted is None:
            if new is None:
                continue
            # Fixed from here on: every later change corrects the same bucket (docs/metrics.md).
            at = max(score["occurred_at"], majorities[kind].since)
            family = _family(state.application, score["feedback"], kind, rules.names(event.arrived_ms))
            counted = {"family": family, "at": at, "pair": None}
            score.setdefault("agreed", {})[kind] = counted
        old = None if counted["pair"] is None else (counted["pair"][0], counted["pair"][1])
        if old != new:
            moment = Moment(counted["at"], event.arrived_ms)
            recount_pair(effects.counters, state.votes, series, counted["family"], (old, new), moment)
            counted["pair"] = None if new is None else list(new)
            changed = True
    return changed


def _pair(number: int | None, majority: _Majority | None) -> Pair | None:
    if number is None or majority is None or majority.liked is None:
        return None
    return number, majority.liked


def _family(application: str, feedback: Entity, kind: str, names: SeriesNames) -> str:
    aspect, rater = feedback["aspect"], feedback["rater"]
    part = aspect if aspect in WITH_OWN_FIGURES else names.part_for(application, aspect)
    scorer = names.scorer_for(application, rater.get("id") or "", rater.get("version") or "")
    return f"{FAMILY}{kind}:{part}:{scorer}"
