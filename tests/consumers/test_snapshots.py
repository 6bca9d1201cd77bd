"""Snapshots: which rows they hold, in which split, and that the same inputs give the same bytes."""

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.manifest import Manifest, verify_snapshot
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_consumers.rows.schemas import SCHEMAS, TRAINING

from tests.consumers.live_root import T0, Root, bytes_of, chat, rows_of, said


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _built(root: Root, name: str = "snapshot", **options: Any) -> Path:
    root.publish()
    output = root.folder.parent / name
    build_snapshot(str(root.folder), SnapshotPlan(output=output, **options))
    return output


def _names(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(row["conversation_id"] for row in rows)


def _manifest(root: Root, **options: Any) -> Manifest:
    return verify_snapshot(_built(root, f"m{random.random()}", **options))


def test_only_the_latest_revision_counts(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.publish()
    root.sft("c1", "hi", "second", minute=5, revision=2)
    root.sft("c2", "hello", "other", minute=6)
    snapshot = _built(root)
    assert [row["completion"][0]["content"] for row in rows_of(snapshot, "sft")] == ["second", "other"]
    assert [row["revision"] for row in rows_of(snapshot, "conversations")] == [2, 1]


def test_the_later_revision_is_the_later_event_whatever_the_brokers_clock_did(root: Root) -> None:
    root.sft("c1", "hi", "first", minute=5)
    root.sft("c1", "hi", "second", minute=3, revision=2)
    assert [row["completion"][0]["content"] for row in rows_of(_built(root), "sft")] == ["second"]


def test_a_later_revision_without_the_row_takes_it_away(root: Root) -> None:
    root.sft("c1", "hi", "praised")
    root.add("c1", minute=5, revision=2)
    snapshot = _built(root)
    assert rows_of(snapshot, "sft") == []
    assert _names(rows_of(snapshot, "conversations")) == ["c1"]


def test_a_snapshot_shows_what_the_broker_had_by_then(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.sft("c1", "hi", "second", minute=5, revision=2)
    root.sft("c2", "hello", "late", minute=6)
    before = _built(root, "before", as_of=T0 + timedelta(minutes=4))
    on_the_dot = _built(root, "dot", as_of=T0 + timedelta(minutes=5))
    assert [row["completion"][0]["content"] for row in rows_of(before, "sft")] == ["first"]
    assert [row["completion"][0]["content"] for row in rows_of(on_the_dot, "sft")] == ["second"]


def test_rows_that_come_later_do_not_change_an_older_snapshot(root: Root) -> None:
    for number in range(30):
        root.sft(f"c{number}", f"question {number}", "answer", minute=number / 10)
    first = _built(root, "first", as_of=T0 + timedelta(minutes=4))
    for number in range(30):
        root.sft(f"d{number}", f"question {number}", "answer", minute=10 + 1440 * number / 10)
    assert bytes_of(_built(root, "second", as_of=T0 + timedelta(minutes=4))) == bytes_of(first)


def test_erasures_count_whenever_they_come(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.sft("c2", "hello", "other")
    root.publish()
    root.add("c1", minute=2880, revision=2, erased=True, consent=None)
    snapshot = _built(root, as_of=T0 + timedelta(minutes=1))
    assert _names(rows_of(snapshot, "sft")) == _names(rows_of(snapshot, "conversations")) == ["c2"]
    assert verify_snapshot(snapshot).erased == 1


def test_a_consent_that_is_denied_later_takes_the_rows_away(root: Root) -> None:
    root.sft("c1", "hi", "first")
    root.sft("c2", "hello", "other")
    root.add("c1", minute=2880, revision=2, consent="denied")
    snapshot = _built(root, as_of=T0 + timedelta(minutes=1))
    assert _names(rows_of(snapshot, "sft")) == ["c2"]
    marked = {row["conversation_id"]: row["consent"] for row in rows_of(snapshot, "conversations")}
    assert marked == {"c1": "denied", "c2": "granted"}
    assert verify_snapshot(snapshot).left_out["sft"] == {"consent_denied": 1}


def test_a_training_row_without_consent_never_gets_through(root: Root) -> None:
    root.derive(root.add("c1", consent="denied"), "sft", prompt=chat("a"), completion=said("b"))
    root.sft("c2", "hello", "other", consent="unspecified")  # the rows were made with opt_out
    assert _names(rows_of(_built(root), "sft")) == ["c2"]


def test_a_row_whose_revision_is_not_in_the_canonical_files_is_none(root: Root) -> None:
    canonical = root.add("c1")
    root.derive({**canonical, "source_offset": 999}, "sft", prompt=chat("a"), completion=said("b"))
    root.derive(canonical, "sft", prompt=chat("a"), completion=said("c"))
    assert [row["completion"][0]["content"] for row in rows_of(_built(root), "sft")] == ["c"]


def test_exact_duplicates_leave_the_earliest(root: Root) -> None:
    root.sft("late", "hi", "same", minute=9)
    root.sft("early", "hi", "same", minute=1)
    root.sft("other", "hi", "another", minute=2)
    canonical = root.add("kto", minute=3)
    for label in (True, False, True):
        root.derive(canonical, "kto", prompt=chat("hi"), completion=said("same"), label=label)
    snapshot = _built(root, shares=(1, 0, 0))
    assert _names(rows_of(snapshot, "sft")) == ["early", "other"]
    assert [row["label"] for row in rows_of(snapshot, "kto")] == [True, False]
    assert verify_snapshot(snapshot).left_out["sft"] == {"duplicate": 1}


def _crowd(root: Root, conversations: int = 300) -> None:
    rng = random.Random(5)
    for number in range(conversations):
        user = f"u{rng.randrange(60)}" if rng.random() < 0.7 else None
        canonical = root.add(f"c{number}", minute=number / 100, user=user)
        prompt = chat(f"question {rng.randrange(80)}")
        root.derive(canonical, "sft", prompt=prompt, completion=said(f"answer {number}"))
        root.derive(
            canonical, "kto", prompt=prompt, completion=said(f"answer {number}"), label=number % 3 == 0
        )
        if number % 50 == 49:
            root.publish()


def test_no_user_and_no_prompt_lies_in_two_splits(root: Root) -> None:
    _crowd(root)
    snapshot = _built(root, shares=(60, 20, 20))
    manifest = verify_snapshot(snapshot)
    assert set(manifest.rows["sft"]) == {"train", "validation", "test"}
    users: dict[str, set[str]] = {}
    prompts: dict[str, set[str]] = {}
    for split in manifest.split:
        for subset in SCHEMAS:
            for row in rows_of(snapshot, subset, split):
                users.setdefault(row["user_id"] or row["conversation_id"], set()).add(split)
                if subset in TRAINING:
                    prompts.setdefault(row["prompt"][-1]["content"], set()).add(split)
    assert all(len(splits) == 1 for splits in users.values())
    assert all(len(splits) == 1 for splits in prompts.values())
    assert len(users) > 60
    assert manifest.left_out["sft"]["prompt_of_another_split"] > 10
    kept = sum(manifest.rows["sft"].values()) + manifest.left_out["sft"]["prompt_of_another_split"]
    assert kept == 300


def test_splits_are_stable_as_rows_come_in(root: Root) -> None:
    _crowd(root)
    first = _built(root, "first")
    for number in range(100):
        root.sft(f"d{number}", f"new {number}", "answer", minute=100, user=f"u{number}")
    second = _built(root, "second")
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


def test_the_same_rows_give_the_same_bytes_in_any_files_and_threads(tmp_path: Path) -> None:
    one, many = Root(tmp_path / "one"), Root(tmp_path / "many")
    _crowd_in_files(one, 1)
    _crowd_in_files(many, 40)
    first = bytes_of(_built(one, "a", threads=1))
    assert bytes_of(_built(many, "b", threads=4, memory_mb=512)) == first
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
        pytest.param("weight > 1", ["c2"], id="a number"),
        pytest.param("model = 'm' AND conversation.source = 'import'", ["c1"], id="texts"),
        pytest.param(
            "list_contains(list_transform(conversation.tags, lambda t: t.key), 'x')",
            ["c2"],
            id="a lambda over a list",
        ),
        pytest.param("weight > 1 -- a remark", ["c2"], id="a remark"),
        pytest.param("margin > 0", [], id="a column that is null"),
    ],
)
def test_conditions_filter_rows(root: Root, where: str, names: list[str]) -> None:
    root.sft("c1", "hi", "a", source="import")
    canonical = root.add("c2", tags=[{"key": "x", "value": "y"}])
    root.derive(canonical, "sft", prompt=chat("hello"), completion=said("b"), weight=2.0)
    snapshot = _built(root, subsets=("sft",), where=where)
    assert _names(rows_of(snapshot, "sft")) == names
    assert verify_snapshot(snapshot).left_out["sft"] == {"filtered": 2 - len(names)}


def test_agreement_filters_training_rows_only(root: Root) -> None:
    for agreement in (0.5, 0.8, None, 1.0):
        canonical = root.add(f"c{agreement}")
        root.derive(canonical, "sft", prompt=chat(f"q{agreement}"), completion=said("b"), agreement=agreement)
    snapshot = _built(root, min_agreement=0.8)
    assert _names(rows_of(snapshot, "sft")) == ["c0.8", "c1.0"]
    assert len(rows_of(snapshot, "conversations")) == 4


def test_an_empty_root_gives_an_empty_snapshot(root: Root) -> None:
    (root.folder / "v1").mkdir(parents=True)
    snapshot = _built(root)
    assert verify_snapshot(snapshot).as_of is None
    assert sorted(bytes_of(snapshot)) == ["README.md", "manifest.json"]


def test_the_manifest_tells_what_decided(root: Root) -> None:
    root.sft("c1", "hi", "a")
    snapshot = _built(
        root, subsets=("sft",), where="weight = 1", min_agreement=0.5, salt="s", shares=(8, 1, 1)
    )
    manifest = verify_snapshot(snapshot)
    assert manifest.as_of == "2026-11-20T12:00:00Z"
    assert (manifest.where, manifest.min_agreement, manifest.salt) == ("weight = 1", 0.5, "s")
    assert manifest.split == {"train": 8, "validation": 1, "test": 1}
    assert manifest.read_to == {"0": 1}
    assert {file.path for file in manifest.files} | {"manifest.json"} == set(bytes_of(snapshot))
    assert replace(manifest, salt="t").text() != manifest.text() == (snapshot / "manifest.json").read_text()
