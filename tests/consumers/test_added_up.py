"""Votes on the same answer or pair in many conversations are added up."""

from typing import Any

import pytest

from tests.consumers.builders import Rows, rows
from tests.consumers.test_derive_pairs import candidates
from tests.support.finished import T0_MS, Record, chat, comparison, correction, finished, like, message


def cached(number: int, liked: bool, **more: Any) -> Record:
    """A chat of a user of its own, with the same question and answer as the others."""
    rated = like("a", liked, rater={"id": None})
    return chat(rated, offset=number, user_id=f"user-{number}", **more)


def test_ninety_likes_and_ten_dislikes_are_one_row() -> None:
    found = Rows(*(cached(number, number >= 10) for number in range(100)))
    (row,) = found.by_subset["kto"]
    assert (row["label"], row["votes"], row["agreement"], row["vote_weight"]) == (True, 100, 0.9, 0.9)
    assert (row["user_count"], row["conversation_count"], row["user_id"]) == (100, 100, None)
    assert (row["conversation_id"], row["source_offset"]) == ("c0", 0)
    assert (row["near_tie"], len(row["raters"])) == (False, 100)
    (target,) = found.by_subset["sft"]
    assert target["votes"] == 100


def test_as_many_likes_as_dislikes_are_no_row() -> None:
    found = Rows(*(cached(number, number % 2 == 0) for number in range(10)))
    assert (found.by_subset["kto"], found.left_out["kto"]) == ([], ["tie"])
    assert found.left_out["sft"] == ["tie"]


def test_nine_of_ten_prefer_one_answer() -> None:
    chats = []
    for number in range(10):
        order = [["a2"], ["a1"]] if number == 3 else [["a1"], ["a2"]]
        compared = comparison(order, rater={"id": f"r{number}"})
        chats.append(candidates("x", "y", comparisons=[compared], offset=number, user_id=f"user-{number}"))
    (row,) = rows(*chats)["preference"]
    assert (row["chosen"][0]["content"], row["votes"], row["agreement"]) == ("x", 10, 0.9)


def test_the_answers_of_a_pair_may_stand_in_another_order() -> None:
    one = candidates("x", "y", comparisons=[comparison([["a1"], ["a2"]])], offset=0)
    other = candidates("y", "x", comparisons=[comparison([["a2"], ["a1"]], rater={"id": "v"})], offset=1)
    (row,) = rows(one, other)["preference"]
    assert (row["chosen"][0]["content"], row["votes"]) == ("x", 2)


def test_a_user_who_judges_again_in_another_chat_has_one_vote() -> None:
    early = like("a", True, rater={"id": None})
    late = like("a", False, rater={"id": None})
    late["occurred_at"] = T0_MS * 1000 + 1
    for first, second in ((early, late), (late, early)):
        (row,) = rows(chat(first, offset=0), chat(second, offset=1))["kto"]
        assert (row["label"], row["votes"], row["user_count"]) == (False, 1, 1)


@pytest.mark.parametrize(
    ("rater", "users", "votes"),
    [
        ({"id": None}, (None, None), 2),
        ({"id": None, "kind": "reviewer"}, ("u", "u"), 2),
        ({"id": None, "kind": "model", "version": "3"}, ("u", "u"), 1),
        ({"id": "r", "kind": "reviewer"}, ("u", "v"), 1),
        ({"id": None}, ("u", "u"), 1),
    ],
    ids=["users nobody names", "reviewers nobody names", "a judge", "one reviewer", "one user"],
)
def test_who_is_the_same_rater(rater: Record, users: tuple[str | None, str | None], votes: int) -> None:
    chats = [chat(like("a", rater=rater), offset=at, user_id=user) for at, user in enumerate(users)]
    asked = rows(*chats, training_raters="user,reviewer,model")
    assert [row["votes"] for row in asked["kto"]] == [votes]


def test_raters_of_two_applications_are_two() -> None:
    chats = [chat(like("a"), offset=at, application=name) for at, name in enumerate(("acme", "other"))]
    assert [row["votes"] for row in rows(*chats)["kto"]] == [2]


def test_an_answer_that_was_corrected_elsewhere_is_no_target() -> None:
    found = Rows(chat(like("a"), offset=0), chat(correction("a", "better"), offset=1))
    assert [row["completion"][0]["content"] for row in found.by_subset["sft"]] == ["better"]
    assert "corrected" in found.left_out["sft"]
    assert [row["label"] for row in found.by_subset["kto"]] == [True]


@pytest.mark.parametrize(
    "other",
    [
        finished(message("q", "user", content="another"), message("a"), feedback=[like("a")], offset=1),
        finished(message("q", "user"), message("a", content="another"), feedback=[like("a")], offset=1),
        finished(message("q", "system"), message("q2", "user"), message("a"), feedback=[like("a")], offset=1),
        chat(like("a"), offset=1, tools='[{"name": "clock"}]'),
    ],
    ids=["question", "answer", "history", "tools"],
)
def test_what_differs_is_another_row(other: Record) -> None:
    found = rows(chat(like("a"), offset=0), other)
    assert [row["votes"] for row in found["kto"] + found["kto_tools"]] == [1, 1]


def test_a_mean_of_several_raters_counts_as_so_many_votes() -> None:
    mean = {"number": 4.5, "minimum": 1.0, "maximum": 5.0, "raters": 3}
    rated = like("a", rater={"id": "crowd"})
    rated["feedback"] |= {"kind": "number", "value": ("plaudit.v1.Number", mean)}
    (row,) = rows(chat(rated, like("a", False)), min_raters=4, min_agreement=0.7)["kto"]
    assert (row["votes"], row["agreement"], len(row["raters"])) == (4, 0.75, 2)
    assert row["vote_strength"] == pytest.approx(2 * (3 * 0.875) / 4 - 1)
    assert row["label"] is True
