"""Counts a message's cohort, votes and verdict, and corrects each count when it changes."""

from typing import NamedTuple

from plaudit_schemas.contract.ratings import SATISFIED, satisfaction, verdict

from plaudit_stream_processors.fold.conversation import ConversationState, Entity
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.rules import CLOCKS_VERSION, Rules
from plaudit_stream_processors.metrics.histograms import index_of
from plaudit_stream_processors.metrics.votes import Moment, revote


def count_message(message: Entity, series: list[str], event: Event, effects: Effects, rules: Rules) -> None:
    """Count a new message in the bucket of its event time, and the latency of an assistant's message."""
    role = message["role"]
    effects.counters.add(series, "messages:" + role, event.at, event.arrived_ms)
    if role == "assistant":
        recount_latency(message, event, effects, rules)


def recount_latency(message: Entity, event: Event, effects: Effects, rules: Rules) -> None:
    """Move the message's latency to the histogram bucket where it now belongs."""
    old = message.get("latency_bucket")
    new = index_of(message["latency_ms"]) if "latency_ms" in message else None
    if old == new:
        return
    series, at = message["series"], message["occurred_at"]
    if old is not None:
        effects.counters.add(series, f"latency:{old}", at, event.arrived_ms, -1)
    if new is not None:
        effects.counters.add(series, f"latency:{new}", at, event.arrived_ms)
        message["latency_bucket"] = new
    elif rules.version >= CLOCKS_VERSION:
        # Rules version 1 left it, and took the count back again with each further version of the message.
        del message["latency_bucket"]


def recount_cohort(
    state: ConversationState, message: Entity, event: Event, effects: Effects, rules: Rules
) -> None:
    """Bring the message's flags and verdicts up to date with its feedback and its siblings."""
    slots = [state.feedback[slot] for slot in state.slots_of.get(message["message_id"], ())]
    flagged = _recount_flags(state, message, slots, event, effects, rules)
    if _recount_verdicts(state, message, slots, event, effects) or flagged:
        state.dirty["message:" + message["message_id"]] = message


def recount_satisfaction(
    state: ConversationState, slot: Entity, message: Entity | None, event: Event, effects: Effects
) -> None:
    """Count a slot's satisfaction: in the bucket of its first count, or else in that of its event time.

    Args:
        message: the assistant message that the slot rates; None for the whole conversation. Feedback that
            comes before its message is counted when the message comes.
    """
    feedback = slot["feedback"]
    rating = satisfaction(feedback)
    counted: Entity | None = slot.get("counted")
    if counted is None:
        if rating is None:
            return
        series = state.series if message is None else message["series"]
        level = "conversation" if message is None else "message"
        dimensions = f"{feedback['rater']['kind']}:{rating[0]}:{level}"
        # Fixed from here on: every later change corrects the same series and bucket (docs/metrics.md).
        counted = {"series": series, "dimensions": dimensions, "at": slot["occurred_at"], "rating": None}
        slot["counted"] = counted
    old: int | None = counted["rating"]
    new = None if rating is None else rating[1]
    if old == new:
        return
    moment = Moment(counted["at"], event.arrived_ms)
    series, dimensions = counted["series"], counted["dimensions"]
    revote(effects.counters, state.votes, series, f"satisfaction:{dimensions}", (old, new), moment)
    satisfied = (_satisfied(old), _satisfied(new))
    revote(effects.counters, state.votes, series, f"satisfied:{dimensions}", satisfied, moment)
    counted["rating"] = new
    state.dirty["votes"] = None


def _satisfied(rating: int | None) -> int | None:
    return None if rating is None else 1000 * (rating >= SATISFIED)


def _recount_flags(
    state: ConversationState,
    message: Entity,
    slots: list[Entity],
    event: Event,
    effects: Effects,
    rules: Rules,
) -> bool:
    """Bring the message's flags and their counts up to date. Returns whether a flag changed."""
    flags = set()
    # Each sibling but the last was regenerated: a later one answers the same parent.
    siblings = state.children.get(message["parent_id"], ())
    if siblings and siblings[-1] != message["message_id"]:
        flags.add("regenerated")
    for slot in slots:
        feedback = slot["feedback"]
        if "value" not in feedback:  # withdrawn
            continue
        if feedback["kind"] != "signal":
            # From version 2 on coverage counts what people say; a scorer says something of every answer.
            if rules.version < CLOCKS_VERSION or feedback["rater"]["kind"] != "model":
                flags.add("covered")
        elif feedback["signal"] in ("ignored", "regenerated"):
            flags.add(feedback["signal"])
    old = set(message.get("flags", ()))
    if flags == old:
        return False
    for flag in flags ^ old:
        amount = 1 if flag in flags else -1
        effects.counters.add(message["series"], flag, message["occurred_at"], event.arrived_ms, amount)
    message["flags"] = sorted(flags)  # the order of a set differs between processes
    return True


class _Majority(NamedTuple):
    """What most raters of one kind say of a message.

    Attributes:
        verdict: in thousandths: 1000 is correct, 0 is incorrect, None is a tie.
        since: event time of the earliest verdict, in microseconds.
    """

    verdict: int | None
    since: int


def _recount_verdicts(
    state: ConversationState, message: Entity, slots: list[Entity], event: Event, effects: Effects
) -> bool:
    """Bring the message's verdicts and their votes up to date. Returns whether the message changed."""
    majorities = _majorities(slots)
    if not majorities and "verdicts" not in message:
        return False
    changed = "verdicts" not in message
    counted: dict[str, list[int | None]] = message.setdefault("verdicts", {})
    wanted = _counted_families(majorities, knows=message.get("abstained") is False)
    # Families counted before are looked at too: their majority may be a tie now, or withdrawn.
    for family in {**counted, **wanted}:
        new, since = wanted.get(family, (None, 0))
        # The time of the first count stays: that bucket holds the vote that is corrected.
        at, old = counted.get(family) or (since, None)
        if old == new:
            continue
        moment = Moment(at or 0, event.arrived_ms)
        revote(effects.counters, state.votes, message["series"], family, (old, new), moment)
        counted[family] = [at, new]
        state.dirty["votes"] = None
        changed = True
    return changed


def _majorities(slots: list[Entity]) -> dict[str, _Majority]:
    """The majority of each kind of rater that judged the message."""
    balance: dict[str, int] = {}
    since: dict[str, int] = {}
    for slot in slots:
        judged = verdict(slot["feedback"])
        if judged is not None:
            kind = slot["feedback"]["rater"]["kind"]
            balance[kind] = balance.get(kind, 0) + (1 if judged else -1)
            since[kind] = min(since.get(kind, slot["occurred_at"]), slot["occurred_at"])
    return {
        kind: _Majority(None if not lead else 1000 if lead > 0 else 0, since[kind])
        for kind, lead in balance.items()
    }


def _counted_families(majorities: dict[str, _Majority], *, knows: bool) -> dict[str, _Majority]:
    """The families of votes in which a message's majorities count; a tie counts in none.

    Args:
        knows: the message is known not to be an abstention, so it counts for precision too.
    """
    families: dict[str, _Majority] = {}
    for kind, majority in majorities.items():
        if majority.verdict is not None:
            families[f"accuracy:{kind}"] = majority
            if knows:
                families[f"precision:{kind}"] = majority
    return families
