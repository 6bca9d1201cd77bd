"""Snapshots: which rows they hold, in which split, and that the same inputs give the same bytes."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.manifest import Manifest, verify_snapshot
from plaudit_consumers.datasets.plan import Caps
from plaudit_consumers.rows.settings import RowRules

from tests.consumers.live_root import T0, Root, bytes_of, rows_of


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _names(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(row["conversation_id"] for row in rows)


def _manifest(root: Root, **options: Any) -> Manifest:
    return verify_snapshot(root.built(f"m{random.random()}", **options))


def test_only_the_latest_revision_counts(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.publish()
    root.sft("c1", "hi", "second", minute=5, revision=2)
    root.sft("c2", "hello", "other", minute=6)
    snapshot = root.built()
    assert [row["completion"][0]["content"] for row in rows_of(snapshot, "sft")] == ["second", "other"]
    assert [row["revision"] for row in rows_of(snapshot, "conversations")] == [2, 1]


def test_the_later_revision_is_the_later_event_whatever_the_brokers_clock_did(root: Root) -> None:
    root.sft("c1", "hi", "first", minute=5)
    root.sft("c1", "hi", "second", minute=3, revision=2)
    assert [row["completion"][0]["content"] for row in rows_of(root.built(), "sft")] == ["second"]


def test_a_later_revision_without_the_row_takes_it_away(root: Root) -> None:
    root.sft("c1", "hi", "praised")
    root.add("c1", minute=5, revision=2)
    snapshot = root.built()
    assert rows_of(snapshot, "sft") == []
    assert _names(rows_of(snapshot, "conversations")) == ["c1"]


@pytest.mark.slow
def test_a_snapshot_shows_what_the_broker_had_by_then(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.sft("c1", "hi", "second", minute=5, revision=2)
    root.sft("c2", "hello", "late", minute=6)
    before = root.built("before", as_of=T0 + timedelta(minutes=4))
    on_the_dot = root.built("dot", as_of=T0 + timedelta(minutes=5))
    assert [row["completion"][0]["content"] for row in rows_of(before, "sft")] == ["first"]
    assert [row["completion"][0]["content"] for row in rows_of(on_the_dot, "sft")] == ["second"]


@pytest.mark.slow
def test_rows_that_come_later_do_not_change_an_older_snapshot(root: Root) -> None:
    for number in range(30):
        root.sft(f"c{number}", f"question {number}", "answer", minute=number / 10)
    first = root.built("first", as_of=T0 + timedelta(minutes=4))
    for number in range(30):
        root.sft(f"d{number}", f"question {number}", "answer", minute=10 + 1440 * number / 10)
    assert bytes_of(root.built("second", as_of=T0 + timedelta(minutes=4))) == bytes_of(first)


def test_erasures_count_whenever_they_come(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.sft("c2", "hello", "other")
    root.publish()
    root.add("c1", minute=2880, revision=2, erased=True, consent=None)
    snapshot = root.built(as_of=T0 + timedelta(minutes=1))
    assert _names(rows_of(snapshot, "sft")) == _names(rows_of(snapshot, "conversations")) == ["c2"]
    assert verify_snapshot(snapshot).erased == 1


def test_a_consent_that_is_denied_later_takes_the_rows_away(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.sft("c2", "hello", "other")
    root.add("c1", minute=2880, revision=2, consent="denied")
    snapshot = root.built(as_of=T0 + timedelta(minutes=1))
    assert _names(rows_of(snapshot, "sft")) == ["c2"]
    marked = {row["conversation_id"]: row["consent"] for row in rows_of(snapshot, "conversations")}
    assert marked == {"c1": "denied", "c2": "granted"}
    assert verify_snapshot(snapshot).accounts["judgements_by_fate"] == {"in_rows": 1, "consent": 1}


def test_consent_is_asked_for_unless_the_rules_say_otherwise(root: Root) -> None:
    root.sft("c1", "hi", "first", consent="denied")
    root.sft("c2", "hello", "other", consent="unspecified")
    root.sft("c3", "hey", "third", consent=None)
    assert rows_of(root.built("in"), "sft") == []
    opted_out = root.built("out", rules=RowRules(training_consent="opt_out"))
    assert _names(rows_of(opted_out, "sft")) == ["c2"]


def _crowd(root: Root, conversations: int = 300) -> None:
    rng = random.Random(5)
    for number in range(conversations):
        user = f"u{rng.randrange(60)}" if rng.random() < 0.7 else None
        root.sft(
            f"c{number}", f"question {rng.randrange(80)}", f"answer {number}", minute=number / 100, user=user
        )
        if number % 50 == 49:
            root.publish()


@pytest.mark.slow
def test_splits_are_stable_as_rows_come_in(root: Root) -> None:
    _crowd(root)
    first = root.built("first")
    for number in range(100):
        root.sft(f"d{number}", f"new {number}", "answer", minute=100, user=f"u{number}")
    second = root.built("second")
    placed = [
        {
            row["conversation_id"]: split
            for split in ("train", "validation", "test")
            for row in rows_of(s, "sft", split)
        }
        for s in (first, second)
    ]
    assert len(placed[0]) > 150
    assert placed[0].items() <= placed[1].items()


@pytest.mark.slow
def test_shares_and_salt_decide_the_splits(root: Root) -> None:
    for number in range(2000):
        root.add(f"c{number}")
    rows = [
        _manifest(root, subsets=("conversations",), salt=salt).rows["conversations"] for salt in ("a", "b")
    ]
    for counts in rows:
        assert 1740 < counts["train"] < 1860
        assert 60 < counts["test"] < 145
    assert rows[0] != rows[1]
    assert _manifest(root, subsets=("conversations",), shares=(1, 0, 0)).rows["conversations"] == {
        "train": 2000
    }


@pytest.mark.slow
def test_the_same_rows_give_the_same_bytes_in_any_files_and_threads(tmp_path: Path) -> None:
    one, many = Root(tmp_path / "one"), Root(tmp_path / "many")
    _crowd_in_files(one, 1)
    _crowd_in_files(many, 40)
    first = bytes_of(one.built("a", threads=1))
    assert bytes_of(many.built("b", threads=4, memory_mb=512)) == first
    assert len(first) > 5


def _crowd_in_files(root: Root, files: int) -> None:
    for number in range(5000):
        root.sft(
            f"c{number}", f"question {number % 1500}", f"answer {number}" * (number % 50), minute=number / 90
        )
        if number % (5000 // files) == 0:
            root.publish()


@pytest.mark.parametrize(
    ("where", "names"),
    [
        pytest.param("vote_weight < 0.9", ["c2"], id="a number"),
        pytest.param("model = 'm' AND conversation.source = 'import'", ["c1"], id="texts"),
        pytest.param(
            "list_contains(list_transform(conversation.tags, lambda t: t.key), 'x')",
            ["c2"],
            id="a lambda over a list",
        ),
        pytest.param("vote_weight < 0.9 -- a remark", ["c2"], id="a remark"),
        pytest.param("user_id > ''", [], id="a column that is null"),
    ],
)
def test_conditions_filter_rows(root: Root, where: str, names: list[str]) -> None:
    root.sft("c1", "hi", "a", source="import")
    doubtful = root.sft("c2", "hello", "b", tags=[{"key": "x", "value": "y"}])
    doubtful["feedback"][0]["confidence"] = 0.5
    snapshot = root.built(subsets=("sft",), where=where)
    assert _names(rows_of(snapshot, "sft")) == names
    assert verify_snapshot(snapshot).left_out["sft"] == {"filtered": 2 - len(names)}


def test_an_empty_root_gives_an_empty_snapshot(root: Root) -> None:
    (root.folder / "v1").mkdir(parents=True)
    snapshot = root.built()
    assert verify_snapshot(snapshot).as_of is None
    assert sorted(bytes_of(snapshot)) == ["README.md", "manifest.json"]


def test_the_manifest_tells_what_decided(root: Root) -> None:
    root.sft("c1", "hi", "a")
    snapshot = root.built(
        subsets=("sft",), where="vote_weight = 1", salt="s", shares=(8, 1, 1), caps=Caps(user=3)
    )
    manifest = verify_snapshot(snapshot)
    assert manifest.as_of == "2026-11-20T12:00:00Z"
    assert (manifest.where, manifest.salt, manifest.caps) == ("vote_weight = 1", "s", {"user": 3})
    assert manifest.rules == RowRules().model_dump()
    assert manifest.split == {"train": 8, "validation": 1, "test": 1}
    assert manifest.read_to == {"0": 1}
    assert {file.path for file in manifest.files} | {"manifest.json"} == set(bytes_of(snapshot))
    assert replace(manifest, salt="t").text() != manifest.text() == (snapshot / "manifest.json").read_text()
