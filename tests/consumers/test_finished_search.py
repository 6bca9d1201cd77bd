"""Finished conversations are found by what they have: the latest revision, and none that was erased."""

from pathlib import Path
from typing import Any

import duckdb
import pytest
from plaudit_consumers.datasets import finished_search
from plaudit_consumers.datasets.errors import SnapshotError, SourceFileError
from plaudit_consumers.datasets.finished_search import ConversationCriteria, FilePlace, FinishedSearch

from tests.consumers.live_root import Root, talk, thumb, turn

MODEL = {"id": "other", "version": "2", "metadata": []}
NUMBER: dict[str, Any] = {"kind": "number", "thumb": None, "minimum": 1.0, "maximum": 5.0}


@pytest.fixture
def root(tmp_path: Path) -> Root:
    """Five files, the oldest first."""
    made = Root(tmp_path / "root")
    made.add("old", minute=0, user="u1", messages=talk("Where is my PARCEL?", "Tomorrow."))
    made.add("twice", minute=1, user="u2", messages=talk("an early question", "no"), revision=1)
    made.publish()
    made.add("bad", minute=2, messages=talk("q", "a"), feedback=[thumb("m1", False)])
    made.add("gone", minute=3, user="u1", messages=talk("Where is my parcel?", "Lost."))
    made.publish()
    made.add("poor", minute=4, messages=talk("q", "a"), feedback=[thumb("m1", None, **NUMBER, number=2.5)])
    made.add("fair", minute=4, messages=talk("q", "a"), feedback=[thumb("m1", None, **NUMBER, number=3.0)])
    made.publish()
    made.add("twice", minute=5, user="u2", messages=talk("a late question", "yes"), revision=2)
    made.add("theirs", minute=6, application="bank", messages=talk("parcel"))
    made.publish()
    made.add("gone", minute=7, erased=True, revision=2)
    made.add("mixed", minute=8, messages=[turn("q", "user"), turn("a", parent="q", model=MODEL)])
    made.publish()
    return made


def found(root: Root, application: str = "acme", limit: int = 20, **criteria: Any) -> list[str]:
    """The ids that a search finds, over all of its parts."""
    search = FinishedSearch(str(root.folder))
    names: list[str] = []
    place: FilePlace | None = None
    while True:
        part = search.find(application, ConversationCriteria(**criteria), limit, place)
        names += [row["conversation_id"] for row in part.rows]
        if part.place is None:
            return names
        place = FilePlace.parse(part.place.text())


@pytest.mark.parametrize(
    ("criteria", "names"),
    [
        pytest.param({}, ["mixed", "twice", "fair", "poor", "bad", "old"], id="everything, newest first"),
        pytest.param({"conversation_id": "bad"}, ["bad"], id="an id"),
        pytest.param({"conversation_id": "gone"}, [], id="an id that was erased"),
        pytest.param({"conversation_id": "theirs"}, [], id="an id of another application"),
        pytest.param({"users": ("u1", "u9")}, ["old"], id="a user"),
        pytest.param({"model": "other"}, ["mixed"], id="a model of one answer"),
        pytest.param({"model": "other@2"}, ["mixed"], id="a model with its version"),
        pytest.param({"model": "other@3"}, [], id="another version"),
        pytest.param({"low_rating": True}, ["poor", "bad"], id="low ratings"),
        pytest.param({"words": ("parcel", "TOMORROW")}, ["old"], id="words"),
        pytest.param({"words": ("early",)}, [], id="words of a revision that was replaced"),
        pytest.param({"words": ("late",)}, ["twice"], id="words of the latest revision"),
        pytest.param({"words": ("%",)}, [], id="no pattern"),
    ],
)
def test_what_is_found(root: Root, criteria: dict[str, Any], names: list[str]) -> None:
    assert sorted(found(root, **criteria)) == sorted(names)
    assert found(root, limit=1, **criteria)[:1] == names[:1]


@pytest.mark.slow
@pytest.mark.parametrize("files", [1, 2, 200], ids=["one file at a time", "two files", "all files"])
@pytest.mark.parametrize("limit", [1, 20], ids=["one row at a time", "all rows"])
def test_all_is_found_in_whatever_pieces(
    root: Root, files: int, limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_search, "_MOST_FILES", files)
    assert sorted(found(root, limit=limit)) == ["bad", "fair", "mixed", "old", "poor", "twice"]


def test_one_search_is_bounded_and_says_how_far_it_came(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_search, "_MOST_FILES", 2)
    part = FinishedSearch(str(root.folder)).find("acme", ConversationCriteria(words=("tomorrow",)), 20)
    assert (part.rows, part.files, part.of, part.reached_day) == ([], 2, 5, "2026-11-20")
    assert part.place is not None
    monkeypatch.setattr(finished_search, "_MOST_FILES", 200)
    monkeypatch.setattr(finished_search, "_MOST_BYTES", 1)
    part = FinishedSearch(str(root.folder)).find("acme", ConversationCriteria(), 20)
    assert part.files == 1


def test_files_that_come_meanwhile_move_nothing(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_search, "_MOST_FILES", 2)
    search, everything = FinishedSearch(str(root.folder)), ConversationCriteria()
    first = search.find("acme", everything, 20)
    root.add("new", minute=9, messages=talk("q"))
    root.publish()
    second = search.find("acme", everything, 20, first.place)
    assert {row["conversation_id"] for row in first.rows} == {"mixed", "twice"}
    assert {row["conversation_id"] for row in second.rows} == {"poor", "fair", "bad"}


def test_one_conversation_is_its_latest_revision(root: Root) -> None:
    search = FinishedSearch(str(root.folder))
    row = search.get("acme", "twice")
    assert row is not None
    assert (row["revision"], row["messages"][0]["content"]) == (2, "a late question")
    assert search.get("acme", "gone") is None
    assert search.get("acme", "theirs") is None


def test_an_empty_root_has_nothing(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    assert FinishedSearch(str(tmp_path)).find("acme", ConversationCriteria(), 20).rows == []


@pytest.mark.parametrize(
    "text",
    ["", "x~y", "5", "-1~a", "1234567890~a"],
    ids=["empty", "no number", "no name", "below zero", "too many"],
)
def test_a_place_that_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="no place of a search"):
        FilePlace.parse(text)


def test_files_that_cannot_be_searched_are_said(root: Root) -> None:
    with pytest.raises(SourceFileError, match="in local roots only"):
        FinishedSearch("s3://bucket/root").find("acme", ConversationCriteria(), 20)
    with pytest.raises(SourceFileError, match="no folder v1"):
        FinishedSearch(str(root.folder.parent)).find("acme", ConversationCriteria(), 20)
    for path in root.folder.glob("v1/conversations/*/*.parquet"):
        path.write_bytes(b"PAR1 damaged PAR1")
    with pytest.raises(SourceFileError, match="cannot be read"):
        FinishedSearch(str(root.folder)).find("acme", ConversationCriteria(), 20)


def test_a_conversation_is_not_looked_for_without_end(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_search, "_MOST_FILES", 1)
    times = iter(range(0, 1000, 25))
    monkeypatch.setattr(
        "plaudit_consumers.datasets.finished_search.time.monotonic", lambda: float(next(times))
    )
    with pytest.raises(SnapshotError, match="took longer than"):
        FinishedSearch(str(root.folder)).get("acme", "nobody")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(duckdb.InterruptException("interrupted"), "took longer than", id="too slow"),
        pytest.param(duckdb.OutOfMemoryException("full"), "too much memory", id="too large"),
    ],
)
def test_a_search_that_costs_too_much_is_ended(
    root: Root, monkeypatch: pytest.MonkeyPatch, error: Exception, told: str
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(finished_search, "_rows", fail)
    with pytest.raises(SnapshotError, match=told):
        found(root)
