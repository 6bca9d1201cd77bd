"""Handlers of a conversation's start, update, end and erasure."""

from typing import Any

from plaudit_schemas.contract.reasons import Refusal

from plaudit_stream_processors.fold.consent import set_consent
from plaudit_stream_processors.fold.conversation import ConversationState
from plaudit_stream_processors.fold.effects import Effects, Emission
from plaudit_stream_processors.fold.event import Event
from plaudit_stream_processors.fold.facts import check_tags, set_fact, set_tags
from plaudit_stream_processors.fold.feedback import join_user
from plaudit_stream_processors.fold.finished import finished_record, tombstone_record
from plaudit_stream_processors.fold.room import is_overgrown, used_bytes
from plaudit_stream_processors.fold.rules import CAPS_VERSION, CLOCKS_VERSION, Rules
from plaudit_stream_processors.fold.series import series_of
from plaudit_stream_processors.metrics.histograms import index_of

Body = dict[str, Any]

_SAYS_NOTHING = ("unknown", "unspecified")
_BY_PAGE = "page:start"


def start_conversation(
    state: ConversationState, body: Body, event: Event, effects: Effects, rules: Rules
) -> None:
    """Fold a start. Only the first one counts in the figures.

    Tags, consent and user id take the value that holds, as in an update. All other facts keep the value of
    the first start: of the first by a server, if there is one.
    """
    check_tags(state, body.get("tags", {}), rules)
    first = state.started is None
    sets = _sets_facts(state, event)
    for name, value in body.items():
        if name == "tags":
            set_tags(state, value, event, rules)
        elif name == "consent":
            # A value that says nothing must not replace one that does.
            if value not in _SAYS_NOTHING:
                set_consent(state, value, event, rules)
            elif name not in state.facts:
                state.facts[name] = value
                if rules.version < CLOCKS_VERSION:
                    state.stamps[name] = event.at
        elif name == "user_id":
            _set_user(state, value, event, effects, rules)
        elif sets or name not in state.facts:
            state.facts[name] = value
    state.dirty["conversation"] = None
    if first:
        state.started = event.at
        state.facts["source"] = event.record["source"]
        state.series = series_of(state, {}, event, rules)
        effects.counters.add(state.series, "conversations:started", event.at, event.arrived_ms)


def _sets_facts(state: ConversationState, event: Event) -> bool:
    """Whether the facts of a start hold over those of starts before it."""
    first = state.started is None
    if event.by_page:
        if first:
            state.stamps[_BY_PAGE] = True
        return first
    return bool(state.stamps.pop(_BY_PAGE, False)) or first


def update_conversation(
    state: ConversationState, body: Body, event: Event, effects: Effects, rules: Rules
) -> None:
    """Fold new facts. Which value of a fact holds is decided as in a slot of feedback."""
    check_tags(state, body.get("tags", {}), rules)
    if "user_id" in body:
        _set_user(state, body["user_id"], event, effects, rules)
    if body["consent"] != "unknown":
        set_consent(state, body["consent"], event, rules)
    set_tags(state, body.get("tags", {}), event, rules)
    state.dirty["conversation"] = None


def decline_review(
    state: ConversationState, _body: Body, _event: Event, _effects: Effects, _rules: Rules
) -> None:
    """A declined item changes nothing of the conversation; the queue reads the log."""
    state.dirty["conversation"] = None


def end_conversation(
    state: ConversationState, body: Body, event: Event, effects: Effects, rules: Rules
) -> None:
    """Finish a revision. A second end, or an idle end that activity has overtaken, does nothing."""
    state.dirty["conversation"] = None
    # The sweeper went by the activity it knew of; events that came since keep the conversation open.
    overtaken = body["reason"] == "idle" and state.activity_ms * 1000 > body.get("last_activity_at", 0)
    if overtaken or not state.is_open:
        effects.ignored += 1
        return
    state.is_open = False
    state.revision += 1
    state.end = {"reason": body["reason"], "at": event.at, "arrived_ms": event.arrived_ms}
    overgrown = rules.version >= CAPS_VERSION and is_overgrown(state)
    _count_end(state, event, effects) if overgrown else _count_time_spent(state, event, effects)
    if state.started is None:
        effects.incomplete += 1
    elif overgrown:
        detail = f"the conversation has {used_bytes(state)} bytes, too many for a record"
        refusal = Refusal("too_large", detail)
        effects.finished.append(Emission(state.key, event.offset, {}, refusal=refusal))
    else:
        effects.finished.append(Emission(state.key, event.offset, finished_record(state, event, rules)))


def erase_conversation(
    state: ConversationState, body: Body, event: Event, effects: Effects, _rules: Rules
) -> None:
    """Drop all content and emit a tombstone."""
    # Also where nothing is known here: the sink may still have rows of a conversation that expired.
    state.forget_content()
    state.erased, state.is_open = True, False
    state.revision += 1
    state.end = {"reason": "erased", "at": event.at, "arrived_ms": event.arrived_ms}
    effects.finished.append(Emission(state.key, event.offset, tombstone_record(state, body["reason"], event)))


def _set_user(state: ConversationState, user_id: str, event: Event, effects: Effects, rules: Rules) -> None:
    if set_fact(state, "user_id", user_id, event, rules) and rules.version >= CLOCKS_VERSION:
        join_user(state, state.facts["user_id"], event, effects, rules)


def _count_end(state: ConversationState, event: Event, effects: Effects) -> None:
    """Count the first end of a conversation whose messages may not be here to tell how long it took."""
    if state.spent is None:
        state.spent = [event.at, 0]
        effects.counters.add(state.series, "conversations:ended", event.at, event.arrived_ms)


def _count_time_spent(state: ConversationState, event: Event, effects: Effects) -> None:
    """Count the seconds from the first message to the last, in the bucket of the first end."""
    if not state.messages:
        return
    times = [message["occurred_at"] for message in state.messages.values()]
    index = index_of((max(times) - min(times)) / 1_000_000)
    counters = effects.counters
    if state.spent is None:
        state.spent = [event.at, index]
        counters.add(state.series, "conversations:ended", event.at, event.arrived_ms)
    elif state.spent[1] != index:  # a later revision corrects the bucket of the first end
        counters.add(state.series, f"time_spent:{state.spent[1]}", state.spent[0], event.arrived_ms, -1)
        state.spent[1] = index
    else:
        return
    counters.add(state.series, f"time_spent:{index}", state.spent[0], event.arrived_ms)
