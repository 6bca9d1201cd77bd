"""Properties of the fold over random logs."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plaudit_stream_processors.state.fields import changed_fields, conversation_of

from tests.stream_processors.builders import Folded, end, event, feedback, like, message, start
from tests.support.line import plain

_IDS = st.sampled_from("abcd")
_AT = st.integers(0, 1000)
_RATER = st.sampled_from(
    [{"id": "u", "kind": "user"}, {"id": "v", "kind": "user"}, {"id": "r", "kind": "reviewer"}]
)
_RECORDS = st.one_of(
    st.builds(start, _AT),
    st.builds(
        message,
        _IDS,
        st.sampled_from(["user", "assistant"]),
        _AT,
        status=st.sampled_from(["complete", "partial"]),
    ),
    st.builds(
        message, _IDS, at=_AT, parent_id=_IDS, latency_ms=st.integers(1, 10_000), abstained=st.booleans()
    ),
    st.builds(like, st.one_of(st.none(), _IDS), st.booleans(), at=_AT, rater=_RATER),
    st.builds(like, _IDS, st.booleans(), at=_AT, aspect=st.just("accuracy"), rater=_RATER),
    st.builds(like, st.one_of(st.none(), _IDS), st.booleans(), at=_AT, aspect=st.just("x"), rater=_RATER),
    st.builds(
        feedback,
        _IDS,
        st.sampled_from([("Label", {"labels": ["p", "q"]}), ("Label", {"labels": ["q"]})]),
        at=_AT,
        aspect=st.just("x"),
        rater=_RATER,
    ),
    st.builds(
        lambda at, user: event("UpdateConversation", {"user_id": user}, at=at), _AT, st.sampled_from("uv")
    ),
    st.builds(feedback, _IDS, st.none(), at=_AT, kind=st.just("thumb"), rater=_RATER),
    st.builds(feedback, _IDS, st.just(("Signal", {"name": "ignored"})), at=_AT),
    st.builds(end, _AT, st.sampled_from(["closed", "cleared"])),
    st.builds(lambda at: event("UpdateConversation", {"consent": "denied"}, at=at), _AT),
    st.builds(lambda at: event("EraseConversation", {}, at=at), st.integers(900, 1000)),
)
_LOGS = st.lists(_RECORDS, max_size=30)


def _outcome(folded: Folded) -> dict[str, Any]:
    return {
        "state": plain(folded.state),
        "cells": folded.cells(),
        "short": folded.cells("10s"),
        "refused": folded.refused,
    }


@settings(max_examples=400, deadline=None)
@given(_LOGS, st.integers(0, 30))
def test_a_prefix_stored_and_loaded_then_the_rest_equals_all(log: list[dict[str, Any]], cut: int) -> None:
    whole = Folded().add(*log)
    parts = Folded().add(*log[:cut])
    flat = changed_fields(parts.state)
    stored = {str(field).encode(): value for field, value in zip(flat[::2], flat[1::2], strict=True)}
    if parts.state.events:
        parts.state = conversation_of("acme/c1", stored)  # type: ignore[arg-type]  # values are bytes
    parts.add(*log[cut:])
    assert _outcome(parts) == _outcome(whole)
    assert [plain_record(e.record) for e in parts.effects.finished] == [
        plain_record(e.record) for e in whole.effects.finished
    ]


@settings(max_examples=100, deadline=None)
@given(_LOGS, st.lists(st.integers(0, 29), max_size=10))
def test_repeats_change_nothing(log: list[dict[str, Any]], again: list[int]) -> None:
    alive = [record for record in log if record["body"][0] != "plaudit.v1.EraseConversation"]
    once = Folded().add(*alive)
    accepted = [record for record in alive if record["event_id"] in once.state.seen]
    repeated = Folded().add(*alive).add(*[accepted[index] for index in again if index < len(accepted)])
    assert _outcome(repeated) == _outcome(once)


_JUDGED = st.sampled_from("ab")
_JUDGEMENTS = st.lists(
    st.one_of(
        st.builds(like, _JUDGED, st.booleans(), rater=_RATER),
        st.builds(like, st.none(), st.booleans(), rater=_RATER),
        st.builds(like, _JUDGED, st.booleans(), aspect=st.just("accuracy"), rater=_RATER),
        st.builds(feedback, _JUDGED, st.none(), kind=st.just("thumb"), rater=_RATER),
        st.builds(feedback, _JUDGED, st.just(("Signal", {"name": "ignored"}))),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(_JUDGEMENTS, st.data())
def test_producers_may_overtake_each_other(judgements: list[dict[str, Any]], data: st.DataObject) -> None:
    """Judgements and messages in any order of arrival, one order in event time: the same figures."""
    chat = [message("a", at=1, parent_id="p"), message("b", at=2, parent_id="q")]
    for at, judgement in enumerate(judgements, 3):
        judgement["occurred_at"] = chat[0]["occurred_at"] + at
        judgement["event_id"] = f"judgement {at}"
    log = [*chat, *judgements]
    straight = Folded().add(start(0), *log)
    mixed = Folded().add(start(0), *data.draw(st.permutations(log)))
    assert mixed.cells() == straight.cells()
    assert mixed.refused == straight.refused == []
    assert _judged(mixed) == _judged(straight)


def _judged(folded: Folded) -> dict[str, Any]:
    return {slot: (kept["feedback"], kept["occurred_at"]) for slot, kept in folded.state.feedback.items()}


@settings(max_examples=100, deadline=None)
@given(_LOGS)
def test_counters_never_fall_below_zero_and_votes_match_the_slots(log: list[dict[str, Any]]) -> None:
    alive = [record for record in log if record["body"][0] != "plaudit.v1.EraseConversation"]
    folded = Folded().add(*alive)
    cells = folded.cells()
    assert all(amount > 0 for amount in cells.values())
    rated = [
        slot
        for slot in folded.state.feedback.values()
        if slot["feedback"]["aspect"] == "satisfaction"
        and "value" in slot["feedback"]
        and slot["feedback"]["kind"] == "thumb"
        and (
            slot["message_id"] is None
            or folded.state.messages.get(slot["message_id"], {}).get("role") == "assistant"
        )
    ]
    counted = sum(n for cell, n in cells.items() if cell.startswith("satisfaction:") and cell.endswith(":n"))
    assert counted == len(rated)


def plain_record(node: Any) -> Any:
    """A record with tuples as lists."""
    if isinstance(node, dict):
        return {key: plain_record(value) for key, value in node.items()}
    return [plain_record(item) for item in node] if isinstance(node, (list, tuple)) else node


@pytest.mark.parametrize("aspect", ["satisfaction", "verbosity"])
def test_votes_that_wait_for_their_message_count_alike_after_a_restart(aspect: str) -> None:
    """A hash has no order: which vote is the first must not follow from the order of the slots."""
    log = [
        start(),
        like("m", at=900, aspect=aspect, rater={"kind": "user", "id": "z"}),
        like("m", at=10, aspect=aspect, rater={"kind": "user", "id": "a"}),
        message("m", at=1000),
    ]
    whole, parts = Folded().add(*log), Folded().add(*log[:3])
    flat = changed_fields(parts.state)
    stored = {str(field).encode(): value for field, value in zip(flat[::2], flat[1::2], strict=True)}
    parts.state = conversation_of("acme/c1", stored)  # type: ignore[arg-type]  # values are bytes
    parts.add(*log[3:])
    assert parts.effects.counters.by_bucket() == whole.effects.counters.by_bucket()
    assert _outcome(parts) == _outcome(whole)
