"""The rules of the fold, one by one."""

import pytest
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import ConflictError, ExpiredError
from plaudit_stream_processors.fold import Rules

from tests.stream_processors.builders import T0_MS, Folded, end, event, feedback, like, message, start


def test_a_chat_becomes_one_finished_conversation() -> None:
    folded = Folded().add(
        start(user_id="u", consent="granted"), message("q", "user"), message("a", at=2), like("a"), end()
    )
    (emission,) = folded.effects.finished
    record = Decoder("finished_conversation").decode(Encoder("finished_conversation").encode(emission.record))
    assert [(m["message_id"], m["parent_id"], m["orphan"]) for m in record["messages"]] == [
        ("q", "", False),
        ("a", "q", False),
    ]
    assert record["feedback"][0]["feedback"]["value"] == ("plaudit.v1.Thumb", {"like": True})
    assert (record["revision"], record["end_reason"], record["events"], record["source_offset"]) == (
        1,
        "closed",
        5,
        4,
    )
    assert (record["user_id"], record["consent"], record["model"]["id"]) == ("u", "granted", "m")


def test_the_same_event_twice_is_once() -> None:
    once = Folded().add(start(), message("a"), like("a"), end())
    twice = Folded().add(*[record for record in (start(), message("a"), like("a"), end()) for _ in (1, 2)])
    assert twice.effects.duplicates == 4
    assert once.cells() == twice.cells()
    assert len(twice.effects.finished) == 1


def test_feedback_waits_for_its_message() -> None:
    early = Folded().add(start(), like("a", at=1), message("a", at=2))
    late = Folded().add(start(), message("a", at=2), like("a", at=1))
    assert early.cells() == late.cells()
    assert early.cells()["satisfaction:user:thumb:message:n"] == 1
    assert "satisfaction:user:thumb:message:n" not in Folded().add(start(), like("a")).cells()


def test_the_latest_value_holds_and_corrects_its_first_bucket() -> None:
    folded = Folded().add(start(), message("a"), like("a", at=2), like("a", liked=False, at=700))
    assert folded.cells()["satisfaction:user:thumb:message:sum"] == 1000
    assert folded.cells()["satisfaction:user:thumb:message:n"] == 1
    buckets = folded.effects.counters.by_bucket()
    changed = [name for name, cells in buckets.items() if any("satisfaction" in cell for cell in cells)]
    assert len([name for name in changed if name.startswith("10m")]) == 1
    folded.add(like("a", at=3))
    assert folded.cells()["satisfaction:user:thumb:message:sum"] == 1000, "an older value came later"


def test_equal_times_go_by_the_log() -> None:
    folded = Folded().add(start(), message("a"), like("a", at=2), like("a", liked=False, at=2, id="g"))
    assert folded.cells()["satisfaction:user:thumb:message:sum"] == 1000


def test_a_withdrawn_value_counts_no_more_and_is_not_emitted() -> None:
    folded = Folded().add(
        start(), message("a"), like("a", at=2), feedback("a", None, at=3, kind="thumb"), end()
    )
    assert "satisfaction:user:thumb:message:n" not in folded.cells()
    assert "covered" not in folded.cells()
    assert folded.effects.finished[0].record["feedback"] == []


def test_a_comment_does_not_overwrite_a_rating() -> None:
    folded = Folded().add(start(), message("a"), like("a"), feedback("a", ("Text", {"text": "meh"}), at=3))
    assert len(folded.state.feedback) == 2
    assert folded.cells()["satisfaction:user:thumb:message:n"] == 1


def test_an_event_after_the_end_opens_it_for_the_next_revision() -> None:
    folded = Folded().add(start(), message("a"), end(at=9), like("a", at=20))
    assert folded.state.is_open
    folded.add(end(at=30))
    assert [emission.record["revision"] for emission in folded.effects.finished] == [1, 2]
    assert [len(emission.record["feedback"]) for emission in folded.effects.finished] == [0, 1]


def test_a_second_end_does_nothing() -> None:
    folded = Folded().add(start(), message("a"), end(at=9), end(at=10, reason="cleared"))
    assert len(folded.effects.finished) == 1
    assert folded.effects.ignored == 1


def test_an_idle_end_that_activity_overtook_is_ignored() -> None:
    stale = end(at=10, reason="idle", last_activity_at=T0_MS * 1000)
    folded = Folded().add(start(), message("a", at=5), stale)
    assert folded.state.is_open
    assert folded.effects.ignored == 1
    folded.add(end(at=20, reason="idle", last_activity_at=(T0_MS + 5000) * 1000))
    assert not folded.state.is_open


def test_late_events_are_refused_by_record_time_alone() -> None:
    rules = Rules(state_retention_ms=60_000)
    folded = Folded(rules).add(start(), message("a"), end(at=9))
    folded.add(message("b", at=10), arrived_ms=T0_MS + 9_000 + 60_001)
    assert [reason for reason, _ in folded.refused] == [ExpiredError.reason]
    folded.add(message("b", at=10), arrived_ms=T0_MS + 9_000 + 60_000)
    assert len(folded.refused) == 1
    assert folded.state.is_open


def test_erasure_is_never_too_late_and_leaves_nothing() -> None:
    rules = Rules(state_retention_ms=1)
    folded = Folded(rules).add(
        start(), message("a"), end(at=9), event("EraseConversation", {"reason": "asked"}, at=99)
    )
    assert folded.effects.finished[-1].record["erased"]
    assert folded.effects.finished[-1].record["revision"] == 2
    assert (folded.state.messages, folded.state.facts, folded.state.feedback) == ({}, {}, {})
    folded.add(message("b", at=100))
    assert folded.refused[-1][0] == ExpiredError.reason
    folded.add(event("EraseConversation", {"reason": "again"}, at=101))
    assert len(folded.effects.finished) == 2, "one tombstone, also where a store has forgotten the event's id"
    assert (folded.state.seen, folded.state.lifecycle) == (set(), [])
    unknown = Folded().add(event("EraseConversation", {}))
    assert unknown.effects.finished[0].record["erased"]


def test_a_message_may_be_completed_and_a_complete_one_not_changed() -> None:
    folded = Folded().add(
        start(), message("a", status="partial", content="It"), message("a", at=2, content="It is")
    )
    assert folded.state.messages["a"]["content"] == "It is"
    folded.add(message("a", at=3, content="It was"))
    assert folded.refused[0][0] == ConflictError.reason
    folded.add(message("a", at=4, content="It is"))
    assert len(folded.refused) == 1
    assert folded.cells()["messages:assistant"] == 1


def test_latency_is_recounted_when_a_message_is_completed() -> None:
    folded = Folded().add(
        start(), message("a", status="cut", latency_ms=100), message("a", at=2, latency_ms=900)
    )
    latencies = {cell: n for cell, n in folded.cells().items() if cell.startswith("latency")}
    assert list(latencies.values()) == [1]


def test_parents_make_a_tree_and_orphans_are_marked_down_the_line() -> None:
    folded = Folded().add(
        start(),
        message("q", "user"),
        message("a1", at=2),
        message("a2", at=3, parent_id="q"),
        message("lost", at=4, parent_id="nowhere"),
        message("below", at=5),
        message("x", at=6, parent_id="y"),
        message("y", at=7, parent_id="x"),
        message("root", at=8, parent_id=""),
        end(),
    )
    record = folded.effects.finished[0].record
    orphans = {m["message_id"] for m in record["messages"] if m.get("orphan")}
    assert orphans == {"lost", "below", "x", "y"}
    assert folded.cells()["regenerated"] == 1


def test_a_conversation_without_its_start_is_not_emitted() -> None:
    folded = Folded().add(message("a"), end())
    assert folded.effects.finished == []
    assert folded.effects.incomplete == 1
    folded.add(start(at=10), end(at=11))
    assert len(folded.effects.finished) == 1


def test_consent_is_the_latest_by_event_time_whatever_the_order() -> None:
    denied = event("UpdateConversation", {"consent": "denied"}, at=5)
    for records in ((start(consent="granted"), denied), (denied, start(consent="granted"))):
        folded = Folded().add(*records)
        assert folded.state.facts["consent"] == "denied"


def test_a_clock_years_ahead_is_cut_to_a_minute() -> None:
    folded = Folded().add(start(), message("a", at=10**9), arrived_ms=T0_MS)
    assert folded.state.messages["a"]["occurred_at"] == T0_MS * 1000 + 60_000_000


def test_loss_shows_in_the_sequence() -> None:
    records = [start(), message("a"), message("b", at=2)]
    for record, sequence in zip(records, (0, 1, 4), strict=True):
        record |= {"producer": "p", "sequence": sequence}
    assert Folded().add(*records).state.missing_events() == 2


def test_accuracy_is_a_majority_and_precision_leaves_abstentions_out() -> None:
    folded = Folded().add(
        start(), message("a", abstained=False), message("b", at=2, abstained=True), message("c", at=3)
    )
    for message_id in "abc":
        for rater, correct in (("r1", True), ("r2", True), ("r3", False)):
            folded.add(
                feedback(
                    message_id,
                    ("Label", {"labels": ["correct" if correct else "incorrect"]}),
                    aspect="accuracy",
                    rater={"id": rater, "kind": "reviewer"},
                )
            )
    cells = folded.cells()
    assert (cells["accuracy:reviewer:n"], cells["accuracy:reviewer:sum"]) == (3, 3000)
    assert (cells["precision:reviewer:n"], cells["precision:reviewer:sum"]) == (1, 1000)
    assert cells["accuracy:reviewer:voters"] == 1
    assert cells["accuracy:reviewer:css"] == 3000**2


def test_a_number_is_rescaled_to_one_to_five() -> None:
    folded = Folded().add(
        start(), message("a"), feedback("a", ("Number", {"number": 5, "minimum": 0, "maximum": 10}))
    )
    assert folded.cells()["satisfaction:user:number:message:sum"] == 3000


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(
            feedback("a", ("Number", {"number": 11, "minimum": 0, "maximum": 10})), id="off its scale"
        ),
        pytest.param(
            feedback("a", ("Number", {"number": 1, "minimum": float("-inf"), "maximum": 10})),
            id="an endless scale",
        ),
        pytest.param(
            feedback("a", ("Number", {"number": 1e308, "minimum": -1e308, "maximum": 1e308})),
            id="a scale too wide",
        ),
        pytest.param({**message("m"), "producer": "p", "sequence": 2**53}, id="a sequence too large"),
        pytest.param({**message("m"), "producer": "p", "sequence": -1}, id="a negative sequence"),
        pytest.param(feedback("a", ("Thumb", {"like": True}), kind="text"), id="a thumb called text"),
        pytest.param(feedback("a", None), id="no value"),
        pytest.param(feedback("a", ("Thumb", {"like": True}), aspect=""), id="no aspect"),
        pytest.param(feedback("a", ("Thumb", {"like": True}), confidence=7.0), id="confidence of seven"),
        pytest.param(
            feedback("a", ("Signal", {"name": "dwell_seconds", "number": float("nan")})), id="not a number"
        ),
        pytest.param(message("i" * 129), id="an id too long"),
        pytest.param(message(""), id="an empty id"),
        pytest.param(message("m", metadata={str(n): "" for n in range(33)}), id="33 entries"),
        pytest.param(
            event("CompareMessages", {"comparison_id": "c", "candidates": ["a"], "ranking": [], "rater": {}}),
            id="one candidate",
        ),
        pytest.param(
            event(
                "CompareMessages",
                {"comparison_id": "c", "candidates": ["a", "b"], "ranking": [["z"]], "rater": {}},
            ),
            id="ranks a stranger",
        ),
    ],
)
def test_what_breaks_the_contract_is_refused_and_changes_nothing(wrong: dict[str, object]) -> None:
    folded = Folded().add(start(), message("a"))
    before = (folded.cells(), dict(folded.state.messages), dict(folded.state.feedback), folded.state.events)
    folded.add(wrong)
    assert [reason for reason, _ in folded.refused] == ["invalid"]
    assert before == (folded.cells(), folded.state.messages, folded.state.feedback, folded.state.events)


def test_what_is_refused_before_the_start_leaves_no_trace() -> None:
    refused = {**feedback("a", None), "source": "gateway"}
    folded = Folded().add(refused, message("a"))
    assert [reason for reason, _ in folded.refused] == ["invalid"]
    assert folded.state.series == Folded().add(message("a")).state.series
    assert [series.rpartition("|")[2] for series in folded.state.series] == ["sdk"]


def test_many_producers_with_great_gaps_still_make_a_record() -> None:
    folded = Folded().add(start())
    for number in range(3000):
        sent = {"producer": f"p{number}", "sequence": 2**53 - 1}
        folded.add({**message(f"m{number}", "user", at=number + 1), **sent})
    folded.add(end(5000))
    (emission,) = folded.effects.finished
    Encoder("finished_conversation").encode(emission.record)
    assert emission.record["missing_events"] == 2**63 - 1


def test_counts_past_their_retention_are_not_counted() -> None:
    day_ms = 86_400_000
    folded = Folded().add(start(), message("a"), like("a", at=2))
    folded.add(like("a", liked=False, at=5), arrived_ms=T0_MS + 3 * 3_600_000)
    assert folded.cells("10s")["satisfaction:user:thumb:message:sum"] == 5000
    assert folded.cells("10m")["satisfaction:user:thumb:message:sum"] == 1000
    folded.add(like("a", at=6, id="g"), arrived_ms=T0_MS + 4 * day_ms)
    assert folded.cells("10m")["satisfaction:user:thumb:message:sum"] == 1000
    assert folded.effects.counters.late > 0
