"""Snapshots merge amendments: what was said of a conversation after its state was gone."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets import amending
from plaudit_consumers.datasets.difference import compare_snapshots
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.manifest import read_manifest, verify_snapshot
from plaudit_consumers.rows.schemas import SNAPSHOT
from plaudit_consumers.rows.settings import RowRules

from tests.consumers.live_root import T0, Root, bytes_of, ranked, rows_of, thumb, turn

OUT = {"excluded": True, "reason": "", "rater": {"id": "r", "kind": "reviewer", "version": None}}
BACK = {**OUT, "excluded": False}


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """A chat that nobody has judged, with two answers to the same question."""
    root = Root(tmp_path / "live")
    root.judged("c1", *_answers())
    return root


def _answers(question: str = "hello") -> list[dict[str, Any]]:
    return [turn("q", "user", content=question), turn("a", parent="q"), turn("b", parent="q")]


def _built(root: Root, name: str = "snapshot", **options: Any) -> Path:
    output = root.built(name, **options)
    verify_snapshot(output)
    return output


def _labels(snapshot: Path) -> dict[str, bool]:
    """The label of each answer in `kto`."""
    return {row["message_ids"][0]: row["label"] for row in rows_of(snapshot, "kto")}


def _days(days: float) -> Any:
    return T0 + timedelta(days=days)


@pytest.mark.slow
def test_a_verdict_four_days_after_the_chat_is_in_the_next_snapshot(root: Root) -> None:
    before = _built(root, "before")
    assert [len(rows_of(before, subset)) for subset in SNAPSHOT] == [1, 0, 0, 0, 0, 0, 0]
    root.late("c1", "e1", feedback=thumb("a", True))
    root.late("c1", "e2", feedback=thumb("b", False))
    root.late("c1", "e3", comparison=ranked("a", "b"))
    after = _built(root, "after")
    assert _labels(after) == {"a": True, "b": False}
    (answer,) = rows_of(after, "sft")
    assert (answer["completion"][0]["content"], answer["raters"][0]["id"]) == ("text of a", "r")
    (pair,) = rows_of(after, "preference")
    assert pair["message_ids"] == ["a", "b"]
    (conversation,) = rows_of(after, "conversations")
    assert [item["event_id"] for item in conversation["feedback"]] == ["e1", "e2"]
    assert [item["event_id"] for item in conversation["comparisons"]] == ["e3"]
    manifest = read_manifest(after)
    assert (manifest.amendments, manifest.read_to) == ({"merged": 3}, {"0": 4})
    assert manifest.as_of == "2026-11-24T12:00:00Z"
    assert "(amendments): merged 3." in (after / "README.md").read_text()
    found = compare_snapshots(before, after)
    assert (found["conversations"].changed, found["kto"].added, found["sft"].added) == (1, 2, 1)


def test_a_later_verdict_replaces_the_rows(root: Root) -> None:
    root.judged("c2", turn("q", "user"), turn("a", parent="q"), feedback=[thumb("a", True)])
    assert _labels(_built(root, "before")) == {"a": True}
    root.late("c2", "e1", feedback=thumb("a", False))
    after = _built(root, "after")
    assert (_labels(after), rows_of(after, "sft")) == ({"a": False}, [])


@pytest.mark.slow
@pytest.mark.parametrize(
    "late",
    [
        pytest.param({"consent": "denied"}, id="denied consent"),
        pytest.param({"exclusion": {**OUT, "message_id": None}}, id="excluded conversation"),
    ],
)
@pytest.mark.parametrize("as_of", [None, _days(1)], ids=["now", "as of a day before"])
def test_a_word_against_training_counts_whatever_the_time(
    root: Root, late: dict[str, Any], as_of: Any
) -> None:
    root.judged("c2", *_answers(), feedback=[thumb("a", True)], comparisons=[ranked("a", "b")])
    full = _built(root, "full")
    assert [len(rows_of(full, subset)) for subset in SNAPSHOT] == [2, 1, 0, 1, 0, 1, 0]
    root.late("c2", "e1", **late)
    root.late("c1", "e2", feedback=thumb("a", True))
    snapshot = _built(root, as_of=as_of)
    named = {row["conversation_id"] for subset in SNAPSHOT[1:] for row in rows_of(snapshot, subset)}
    assert named == (set() if as_of else {"c1"})
    (row,) = [row for row in rows_of(snapshot, "conversations") if row["conversation_id"] == "c2"]
    assert (row["consent"], row["excluded"]) == (("denied", None) if "consent" in late else ("granted", True))


@pytest.mark.slow
def test_an_excluded_message_makes_no_row_and_no_prompt(root: Root) -> None:
    root.judged(
        "c2",
        turn("q", "user"),
        turn("a", parent="q"),
        turn("q2", "user", "a"),
        turn("b", parent="q2"),
        feedback=[thumb("a", True), thumb("b", True)],
    )
    assert _labels(_built(root, "before")) == {"a": True, "b": True}
    root.late("c2", "e1", exclusion={**OUT, "message_id": "q2"})
    after = _built(root, "after")
    assert _labels(after) == {"a": True}
    root.late("c2", "e2", days=5, exclusion={**BACK, "message_id": "q2"})
    assert _labels(_built(root, "back")) == {"a": True, "b": True}


def test_an_event_counts_once(root: Root) -> None:
    root.judged("c2", *_answers(), feedback=[thumb("a", True, event_id="e1")])
    for _ in range(2):
        root.late("c2", "e1", days=5, feedback=thumb("a", True))
        root.late("c1", "e2", feedback=thumb("a", True))
    snapshot = _built(root)
    assert read_manifest(snapshot).amendments == {"in_revision": 1, "merged": 1}
    assert [len(row["feedback"]) for row in rows_of(snapshot, "conversations")] == [1, 1]


def test_what_a_later_revision_holds_is_not_merged(root: Root) -> None:
    """The first words on a chat that the state does not know are an amendment and in its state."""
    root.late("c2", "e1", days=0, feedback=thumb("a", True))
    root.late("c2", "e2", days=0, consent="denied")
    root.judged("c2", *_answers(), minute=5, feedback=[thumb("a", False, event_id="later")])
    snapshot = _built(root)
    assert read_manifest(snapshot).amendments == {"in_revision": 2}
    assert _labels(snapshot) == {"a": False}


def test_a_score_of_a_conversation_that_was_not_known_yet_is_merged(root: Root) -> None:
    judge = {"id": "judge", "kind": "model", "version": "1"}
    root.late("c2", "e1", days=0, feedback=thumb("a", True, rater="x") | {"rater": judge})
    root.late("c2", "e2", days=0, feedback=thumb("b", True, rater="x") | {"rater": judge})
    score = thumb("b", False, event_id="later") | {"rater": judge, "occurred_at": T0 - timedelta(hours=1)}
    root.judged("c2", *_answers(), minute=5, feedback=[score])
    snapshot = _built(root, rules=RowRules(training_raters="model"))
    assert _labels(snapshot) == {"a": True, "b": False}
    assert read_manifest(snapshot).amendments == {"merged": 1, "overruled": 1}


@pytest.mark.slow
def test_a_word_counts_from_when_the_broker_took_it(root: Root) -> None:
    root.late("c1", "e1", days=4, feedback=thumb("a", True))
    root.late("c1", "e2", days=6, feedback=thumb("a", False))
    before, between, after = (_built(root, f"s{days}", as_of=_days(days)) for days in (3, 4, 6))
    assert [_labels(each) for each in (before, between, after)] == [{}, {"a": True}, {"a": False}]
    assert [read_manifest(each).amendments for each in (before, between, after)] == [
        {},
        {"merged": 1},
        {"merged": 1, "overruled": 1},
    ]


@pytest.mark.slow
def test_words_that_come_later_do_not_change_an_older_snapshot(root: Root) -> None:
    root.late("c1", "e1", days=4, feedback=thumb("a", True))
    first = _built(root, "first", as_of=_days(5))
    root.late("c1", "e2", days=6, feedback=thumb("a", False))
    root.late("nobody", "e3", days=6, consent="denied")
    root.judged("c3", *_answers(), minute=7 * 1440)
    root.late("c3", "e4", days=8, exclusion={**OUT, "message_id": None})
    assert bytes_of(_built(root, "second", as_of=_days(5))) == bytes_of(first)


def test_words_on_what_is_not_there_are_counted(root: Root) -> None:
    root.late("c1", "e1", feedback=thumb("nowhere", True))
    root.late("c1", "e2", comparison=ranked("a", "nowhere"))
    root.late("c1", "e3", exclusion={**OUT, "message_id": "nowhere"})
    root.late("elsewhere", "e4", feedback=thumb("a", True))
    root.add("gone", erased=True, consent=None)
    root.late("gone", "e5", feedback=thumb("a", True))
    snapshot = _built(root)
    assert read_manifest(snapshot).amendments == {
        "erased": 1,
        "unknown_conversation": 1,
        "unknown_message": 3,
    }
    (row,) = rows_of(snapshot, "conversations")
    assert (row["feedback"], row["comparisons"]) == ([], [])


def test_a_root_with_amendments_only_gives_an_empty_snapshot(tmp_path: Path) -> None:
    root = Root(tmp_path / "live")
    root.late("c1", "e1", feedback=thumb("a", True))
    snapshot = _built(root)
    assert read_manifest(snapshot).amendments == {"unknown_conversation": 1}
    assert sorted(bytes_of(snapshot)) == ["README.md", "manifest.json"]


def _on_page(sequence: int) -> dict[str, Any]:
    return {"producer": "page", "sequence": sequence}


@pytest.mark.parametrize(
    ("first", "second", "label"),
    [
        pytest.param({}, {"days": 5}, False, id="a later word replaces"),
        pytest.param({}, {"days": 5, "held_ms": 2 * 86_400_000}, True, id="a word that waited does not"),
        pytest.param(
            {"days": 5, **_on_page(3)},
            {"days": 6, **_on_page(2)},
            True,
            id="the producer's own count decides",
        ),
    ],
)
def test_one_word_of_a_rater_holds(
    root: Root, first: dict[str, Any], second: dict[str, Any], label: bool
) -> None:
    root.late("c1", "e1", feedback=thumb("a", True), **first)
    root.late("c1", "e2", feedback=thumb("a", False), **second)
    root.late("c1", "e3", days=3, feedback=thumb("a", label, rater="another"))
    snapshot = _built(root)
    assert _labels(snapshot) == {"a": label}
    assert len(rows_of(snapshot, "kto")[0]["raters"]) == 2
    assert read_manifest(snapshot).amendments == {"merged": 2, "overruled": 1}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("late", "labels"),
    [
        pytest.param({}, {"a": False}, id="after the end"),
        pytest.param({"held_ms": 5 * 86_400_000}, {"a": True}, id="before the word of the revision"),
    ],
)
def test_a_word_of_the_revision_is_replaced_by_a_later_one(
    root: Root, late: dict[str, Any], labels: dict[str, bool]
) -> None:
    root.judged("c2", *_answers(), feedback=[thumb("a", True)], minute=5)
    root.late("c2", "e1", feedback=thumb("a", False), **late)
    assert _labels(_built(root)) == labels


def test_a_withdrawal_takes_the_word_away(root: Root) -> None:
    root.judged("c2", *_answers(), feedback=[thumb("a", True)])
    root.late("c2", "e1", feedback=thumb("a", None))
    snapshot = _built(root)
    assert _labels(snapshot) == {}
    assert [row["feedback"] for row in rows_of(snapshot, "conversations")] == [[], []]


def test_the_conversations_user_is_one_rater_under_two_names(root: Root) -> None:
    user: dict[str, Any] = {"kind": "user", "version": None}
    root.judged("c2", *_answers(), user="u1", feedback=[thumb("a", True) | {"rater": {**user, "id": None}}])
    root.late("c2", "e1", feedback=thumb("a", False) | {"rater": {**user, "id": "u1"}})
    snapshot = _built(root)
    assert _labels(snapshot) == {"a": False}
    assert len(rows_of(snapshot, "kto")[0]["raters"]) == 1


@pytest.mark.slow
def test_exclusions_of_a_later_revision_count_whatever_the_time(root: Root) -> None:
    root.judged("c2", *_answers(), feedback=[thumb("a", True)])
    answers = _answers()
    answers[1]["excluded"] = True
    root.judged("c2", *answers, minute=3 * 1440, revision=2, feedback=[thumb("a", True)])
    assert _labels(_built(root, "out", as_of=_days(1))) == {}
    root.late("c2", "e1", exclusion={**BACK, "message_id": "a"})
    assert _labels(_built(root, "back", as_of=_days(1))) == {"a": True}


def test_an_exclusion_is_taken_back_only_by_a_word_after_it(root: Root) -> None:
    answers = _answers()
    answers[1]["excluded"] = True
    root.judged("c2", *answers, minute=5, feedback=[thumb("a", True)])
    root.late("c2", "e1", held_ms=5 * 86_400_000, exclusion={**BACK, "message_id": "a"})
    snapshot = _built(root)
    assert (_labels(snapshot), read_manifest(snapshot).amendments) == ({}, {"overruled": 1})


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"threads": 1}, id="one thread"),
        pytest.param({"threads": 4, "memory_mb": 512}, id="four threads"),
    ],
)
def test_the_same_amendments_give_the_same_bytes_in_any_files(
    tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, many = Root(tmp_path / "one"), Root(tmp_path / "many")
    _crowd(one, lambda _: False)
    _crowd(many, lambda number: number % 50 == 0)
    first = bytes_of(_built(one, "a"))
    monkeypatch.setattr(amending, "_WORDS_AT_ONCE", 60)
    assert bytes_of(_built(many, "b", **options)) == first
    amendments = read_manifest(tmp_path / "b").amendments
    assert amendments == {"merged": 160, "overruled": 80, "unknown_message": 80}


def _crowd(root: Root, is_full: Callable[[int], bool]) -> None:
    for number in range(400):
        feedback = [thumb("a", number % 2 == 0)] if number % 3 else []
        root.judged(f"c{number}", *_answers(f"question {number}"), feedback=feedback, minute=number / 90)
        if is_full(number):
            root.publish()
    for number in range(0, 400, 5):
        root.late(f"c{number}", f"e{number}", feedback=thumb("a", number % 2 == 0, rater="x"))
        root.late(f"c{number}", f"f{number}", days=5, feedback=thumb("a", number % 3 == 0, rater="x"))
        root.late(f"c{number}", f"g{number}", days=5, comparison=ranked("a", "b"))
        root.late(f"c{number}", f"h{number}", days=5, feedback=thumb("n", True))
        if is_full(number):
            root.publish()


@pytest.mark.slow
def test_amendments_wait_for_the_canonical_file_of_their_range(root: Root) -> None:
    root.publish()
    root.late("c1", "e1", feedback=thumb("a", True))
    root.judged("c2", *_answers("another"), minute=6 * 1440)
    root.publish()
    canonical = root.folder / "v1/conversations/date=2026-11-26/0-1-2.parquet"
    hidden = canonical.rename(root.folder / "hidden")
    begun = read_manifest(_built(root, "begun"))
    assert (begun.read_to, begun.amendments) == ({"0": 1}, {})
    hidden.rename(canonical)
    complete = read_manifest(_built(root, "complete"))
    assert (complete.read_to, complete.amendments) == ({"0": 3}, {"merged": 1})


def test_two_files_with_the_same_offsets_are_refused(root: Root) -> None:
    root.publish()
    root.late("c1", "e1", feedback=thumb("a", True))
    root.publish()
    path = root.folder / "v1/amendments/date=2026-11-24/0-1-1.parquet"
    path.with_name("0-0-1.parquet").write_bytes(path.read_bytes())
    with pytest.raises(SourceFileError, match="hold the same offsets"):
        _built(root)


def test_conditions_and_subsets_hold_for_merged_rows(root: Root) -> None:
    root.late("c1", "e1", feedback=thumb("a", True))
    root.late("c1", "e2", feedback=thumb("b", False))
    snapshot = _built(root, subsets=("kto",), where="label AND conversation.source = 'sdk'")
    assert _labels(snapshot) == {"a": True}
    assert read_manifest(snapshot).left_out == {"kto": {"filtered": 1}}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("days", "labels"),
    [pytest.param(4, {"a": False}, id="after the end"), pytest.param(-1, {"a": True}, id="before it")],
)
def test_offsets_of_another_partition_are_not_compared(
    root: Root, days: float, labels: dict[str, bool]
) -> None:
    root.judged("c2", *_answers(), feedback=[thumb("a", True)])
    root.late("c2", "e1", days=days, source_partition=1, source_offset=0, feedback=thumb("a", False))
    assert _labels(_built(root)) == labels
