"""Where the fold counts: a message's cohort, its votes and its verdict, each corrected when it changes."""

from plaudit_stream_processors.fold.conversation import Conversation, Entity
from plaudit_stream_processors.fold.effects import Effects
from plaudit_stream_processors.fold.events import Event
from plaudit_stream_processors.metrics.histograms import index_of
from plaudit_stream_processors.metrics.judging import satisfaction, verdict
from plaudit_stream_processors.metrics.votes import SATISFIED, Moment, revote


def count_message(message: Entity, series: list[str], event: Event, effects: Effects) -> None:
    """Count a new message in its own bucket; an assistant's with its latency."""
    role = message["role"]
    effects.counters.add(series, "messages:" + role, event.at, event.arrived_ms)
    if role == "assistant":
        recount_latency(message, event, effects)


def recount_latency(message: Entity, event: Event, effects: Effects) -> None:
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


def recount_cohort(state: Conversation, message: Entity, event: Event, effects: Effects) -> None:
    """Bring the message's flags and verdicts up to date with its feedback and its siblings."""
    slots = [state.feedback[slot] for slot in state.slots_of.get(message["message_id"], ())]
    flagged = _recount_flags(state, message, slots, event, effects)
    if _recount_verdicts(state, message, slots, event, effects) or flagged:
        state.dirty["message:" + message["message_id"]] = message


def recount_satisfaction(
    state: Conversation, slot: Entity, message: Entity | None, event: Event, effects: Effects
) -> None:
    """Count a slot's satisfaction where it was first counted, or here and now.

    A judgement of a message waits for the message, and counts for an assistant's only.
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
    state: Conversation, message: Entity, slots: list[Entity], event: Event, effects: Effects
) -> bool:
    """Whether the message has other flags than before."""
    flags = set()
    siblings = state.children.get(message["parent_id"], ())
    if siblings and siblings[-1] != message["message_id"]:
        flags.add("regenerated")
    for slot in slots:
        feedback = slot["feedback"]
        if "value" not in feedback:
            continue
        if feedback["kind"] != "signal":
            flags.add("covered")
        elif feedback["signal"] in ("ignored", "regenerated"):
            flags.add(feedback["signal"])
    old = set(message.get("flags", ()))
    if flags == old:
        return False
    for flag in flags ^ old:
        amount = 1 if flag in flags else -1
        effects.counters.add(message["series"], flag, message["occurred_at"], event.arrived_ms, amount)
    message["flags"] = sorted(flags)
    return True


def _recount_verdicts(
    state: Conversation, message: Entity, slots: list[Entity], event: Event, effects: Effects
) -> bool:
    """Whether the message has other verdicts than before."""
    ballots: dict[str, int] = {}
    first: dict[str, int] = {}
    for slot in slots:
        judged = verdict(slot["feedback"])
        if judged is not None:
            kind = slot["feedback"]["rater"]["kind"]
            ballots[kind] = ballots.get(kind, 0) + (1 if judged else -1)
            first[kind] = min(first.get(kind, slot["occurred_at"]), slot["occurred_at"])
    if not ballots and "verdicts" not in message:
        return False
    changed = "verdicts" not in message
    verdicts: dict[str, list[int | None]] = message.setdefault("verdicts", {})
    wanted: dict[str, tuple[int, int]] = {}
    for kind, balance in ballots.items():
        if balance:
            wanted[f"accuracy:{kind}"] = (1000 if balance > 0 else 0, first[kind])
            if message.get("abstained") is False:
                wanted[f"precision:{kind}"] = wanted[f"accuracy:{kind}"]
    for family in {**verdicts, **wanted}:
        new, at = wanted.get(family, (None, 0))
        counted_at, old = verdicts.get(family) or (at, None)
        if old == new:
            continue
        moment = Moment(counted_at or 0, event.arrived_ms)
        revote(effects.counters, state.votes, message["series"], family, (old, new), moment)
        verdicts[family] = [counted_at, new]
        state.dirty["votes"] = None
        changed = True
    return changed
