"""Votes on the same answer in many chats are one row."""

from pathlib import Path
from typing import Any

import pytest
from plaudit_consumers.datasets.judging import RATERS_LISTED
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.rows.settings import RowRules

from tests.consumers.live_root import Root, bytes_of, ranked, rows_of, thumb, turn


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(tmp_path / "live")


def _cached(root: Root, number: int, like: bool, **more: Any) -> None:
    """A chat with the same question and the same answer as the others."""
    feedback = [thumb("a", like, rater=f"r{number}", **more)]
    messages = turn("q", "user", content="hours?"), turn("a", parent="q", content="Nine to five.")
    root.judged(f"c{number}", *messages, user=f"u{number}", feedback=feedback, minute=number)


def test_likes_and_dislikes_of_one_cached_answer_are_one_row(root: Root) -> None:
    for number in range(100):
        _cached(root, number, like=number >= 10)
    snapshot = root.built()
    (row,) = rows_of(snapshot, "kto")
    assert (row["label"], row["votes"], row["agreement"], row["near_tie"]) == (True, 100, 0.9, False)
    assert (row["vote_weight"], row["vote_strength"]) == (0.9, pytest.approx(0.8))
    assert (row["user_count"], row["conversation_count"], row["user_id"]) == (100, 100, None)
    (target,) = rows_of(snapshot, "sft")
    assert (target["votes"], target["agreement"]) == (100, 0.9)


def test_comparisons_of_the_same_two_answers_are_one_pair(root: Root) -> None:
    """In half of the chats the answers have each other's ids."""
    for number in range(10):
        first, second = ("A", "B") if number % 2 else ("B", "A")
        messages = (
            turn("q", "user"),
            turn("a", parent="q", content=first),
            turn("b", parent="q", content=second),
        )
        liked = "B" if number == 3 else "A"
        better = "a" if first == liked else "b"
        ranking = ranked(better, "b" if better == "a" else "a", rater=f"r{number}")
        root.judged(f"c{number}", *messages, user=f"u{number}", comparisons=[ranking], minute=number)
    (row,) = rows_of(root.built(), "preference")
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("A", "B")
    assert (row["votes"], row["agreement"], row["conversation_id"]) == (10, 0.9, "c0")
    assert row["message_ids"] == ["b", "a"]


@pytest.mark.slow
def test_a_tie_of_votes_makes_no_row_and_a_near_tie_a_marked_one(root: Root) -> None:
    for number in range(10):
        _cached(root, number, like=number < 5)
    tied = root.built("tied")
    assert rows_of(tied, "kto") == []
    assert read_manifest(tied).left_out["kto"] == {"tie": 1}
    _cached(root, 10, like=True)
    (row,) = rows_of(root.built("near", rules=RowRules(kto_good_score=0.5, kto_bad_score=0.5)), "kto")
    assert (row["label"], row["near_tie"], row["votes"]) == (True, True, 11)


def test_a_rater_counts_once_over_all_chats(root: Root) -> None:
    for number in range(5):
        _cached(root, number, like=True)
    for each in root.waiting["conversations"]:
        each["feedback"][0]["rater"] = {"id": "one", "kind": "reviewer", "version": None}
    snapshot = root.built()
    (row,) = rows_of(snapshot, "kto")
    assert (row["votes"], row["conversation_count"]) == (1, 5)
    assert read_manifest(snapshot).accounts["judged"]["answer"] == {
        "things": 1,
        "units": 5,
        "votes": 5,
        "superseded": 4,
    }


def test_a_popular_answer_names_some_of_its_raters_and_counts_all(root: Root) -> None:
    for number in range(RATERS_LISTED + 50):
        _cached(root, number, like=True)
    (row,) = rows_of(root.built(), "kto")
    assert (len(row["raters"]), row["votes"]) == (RATERS_LISTED, RATERS_LISTED + 50)


@pytest.mark.parametrize(
    ("lost", "judgements"),
    [
        pytest.param({"consent": "denied"}, {"in_rows": 9, "consent": 1}, id="denied"),
        pytest.param({"excluded": True}, {"in_rows": 9, "excluded": 1}, id="excluded"),
        pytest.param({"erased": True}, {"in_rows": 9}, id="erased"),
    ],
)
def test_what_may_not_be_trained_on_counts_nowhere(
    root: Root, lost: dict[str, Any], judgements: dict[str, int]
) -> None:
    for number in range(10):
        _cached(root, number, like=number > 0)
    root.waiting["conversations"][0].update(lost)
    snapshot = root.built()
    (row,) = rows_of(snapshot, "kto")
    assert (row["votes"], row["agreement"], row["conversation_id"]) == (9, 1.0, "c1")
    assert read_manifest(snapshot).accounts["judgements_by_fate"] == judgements


@pytest.mark.slow
def test_a_condition_sees_the_conversation_of_the_earliest_judgement(root: Root) -> None:
    for number in range(4):
        _cached(root, number, like=True)
        root.waiting["conversations"][-1]["source"] = "import" if number else "sdk"
    found = {
        source: len(rows_of(root.built(source, where=f"conversation.source = '{source}'"), "kto"))
        for source in ("sdk", "import")
    }
    assert found == {"sdk": 1, "import": 0}
    (row,) = rows_of(root.built("votes", where="votes >= 4", subsets=("kto",)), "kto")
    assert row["conversation_count"] == 4


@pytest.mark.slow
def test_the_layout_of_files_changes_no_byte(tmp_path: Path) -> None:
    one, many = Root(tmp_path / "one"), Root(tmp_path / "many")
    for number in range(120):
        for root in (one, many):
            _cached(root, number, like=number % 3 > 0, confidence=0.1 * (number % 7))
        if number % 7 == 0:
            many.publish()
    first = bytes_of(one.built("a", threads=1))
    assert bytes_of(many.built("b", threads=4, memory_mb=512)) == first
