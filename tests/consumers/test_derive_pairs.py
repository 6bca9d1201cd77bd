"""The rules of docs/datasets.md for pairs: comparisons, corrections, and ratings of siblings."""

from typing import Any

import pytest

from tests.consumers.builders import Rows, lost, rows, units
from tests.support.finished import (
    T0_MS,
    Record,
    chat,
    comparison,
    correction,
    finished,
    like,
    message,
    number,
)


def candidates(*texts: str, feedback: list[Record] | None = None, **more: Any) -> Record:
    """A conversation with a question `q` and its answers `a1`, `a2` and so on."""
    status = more.pop("status", "complete")
    answers = [
        message(f"a{at}", parent_id="q", content=text, status=status)
        for at, text in enumerate(texts, start=1)
    ]
    return finished(message("q", "user"), *answers, feedback=feedback or [], **more)


def pairs(*records: Record, **rules: Any) -> list[tuple[Any, ...]]:
    """Chosen and rejected text, strength and agreement of each pair."""
    return sorted(
        (row["chosen"][0]["content"], row["rejected"][0]["content"], row["vote_strength"], row["agreement"])
        for row in rows(*records, **rules)["preference"]
    )


def test_a_ranking_gives_a_pair_for_each_order_and_a_tie_votes_for_neither() -> None:
    ranked = candidates("x", "y", "z", comparisons=[comparison([["a2"], ["a1", "a3"]])])
    assert pairs(ranked) == [("y", "x", None, 1.0), ("y", "z", None, 1.0)]
    assert Rows(ranked).left_out["preference"] == ["tie"]
    whole = candidates("x", "y", "z", comparisons=[comparison([["a3"], ["a2"], ["a1"]])])
    assert pairs(whole) == [("y", "x", 0.5, 1.0), ("z", "x", 1.0, 1.0), ("z", "y", 0.5, 1.0)]


def test_a_pair_never_makes_a_kto_or_sft_row() -> None:
    found = rows(candidates("x", "y", comparisons=[comparison([["a2"], ["a1"]])]))
    assert {subset for subset, made in found.items() if made} == {"preference"}
    assert found["preference"][0]["message_ids"] == ["a2", "a1"]


def test_the_model_of_a_pair_is_that_of_the_chosen_answer() -> None:
    for best, worst in (("a1", "a2"), ("a2", "a1")):
        judged = candidates("x", "y", comparisons=[comparison([[best], [worst]])])
        judged["messages"][2]["model"] = {"id": "other"}
        row = rows(judged)["preference"][0]
        expected = {"a1": ("m", "1"), "a2": ("other", None)}[best]
        assert (row["message_ids"], row["model"], row["model_version"]) == ([best, worst], *expected)


def test_identical_answers_are_one_answer() -> None:
    same = candidates("x", "x", comparisons=[comparison([["a1"], ["a2"]])])
    assert (pairs(same), lost(same)) == ([], {"same_answer": 1})
    both = candidates("x", "y", "x", comparisons=[comparison([["a1"], ["a2"], ["a3"]])])
    assert (pairs(both), Rows(both).left_out["preference"]) == ([], ["tie"])
    twice = candidates("x", "x", "y", comparisons=[comparison([["a1"], ["a2"], ["a3"]])])
    assert pairs(twice) == [("x", "y", 0.75, 1.0)]


@pytest.mark.parametrize(
    ("given", "expected"), [(0.2, 0.2), (0.0, 0.0), (None, None)], ids=["little", "hardly", "nobody said"]
)
def test_the_strength_of_a_comparison_is_the_raters(given: float | None, expected: float | None) -> None:
    judged = candidates("x", "y", comparisons=[comparison([["a1"], ["a2"]], strength=given)])
    assert pairs(judged) == [("x", "y", expected, 1.0)]


def test_a_strength_is_said_of_the_first_two_groups() -> None:
    judged = candidates("x", "y", "z", comparisons=[comparison([["a1"], ["a2"], ["a3"]], strength=0.1)])
    assert pairs(judged) == [("x", "y", 0.1, 1.0), ("x", "z", 1.0, 1.0), ("y", "z", 0.5, 1.0)]


def test_the_confidence_of_a_comparison_weighs() -> None:
    judged = candidates("x", "y", comparisons=[comparison([["a1"], ["a2"]], confidence=0.4)])
    assert rows(judged)["preference"][0]["vote_weight"] == 0.4


def judged_by_many(*rankings: list[list[str]]) -> Record:
    each = [comparison(ranking, rater={"id": f"r{at}"}) for at, ranking in enumerate(rankings)]
    return candidates("x", "y", comparisons=each)


FOR_X, FOR_Y, TIE = [["a1"], ["a2"]], [["a2"], ["a1"]], [["a1", "a2"]]


def test_several_raters_of_a_pair() -> None:
    assert pairs(judged_by_many(FOR_X, FOR_Y, FOR_X)) == [("x", "y", None, pytest.approx(2 / 3))]
    assert pairs(judged_by_many(FOR_X, FOR_Y)) == []
    assert pairs(judged_by_many(TIE)) == []
    assert pairs(judged_by_many(FOR_Y, TIE, TIE)) == []
    assert Rows(judged_by_many(FOR_Y, TIE, TIE)).left_out["preference"] == ["too_little_agreement"]
    assert pairs(judged_by_many(FOR_Y, TIE, TIE), min_agreement=0.3) == [
        ("y", "x", None, pytest.approx(1 / 3))
    ]


def test_a_narrow_majority_is_a_near_tie() -> None:
    narrow = judged_by_many(*[FOR_X] * 5, *[FOR_Y] * 4)
    assert [row["near_tie"] for row in rows(narrow)["preference"]] == [True]
    assert [row["near_tie"] for row in rows(narrow, near_tie=0.55)["preference"]] == [False]
    assert rows(narrow, min_agreement=0.6)["preference"] == []


def test_a_raters_later_word_on_a_pair_counts() -> None:
    changed = [comparison([["a1"], ["a2"]]), comparison([["a2"], ["a1"]])]
    assert pairs(candidates("x", "y", comparisons=changed)) == [("y", "x", None, 1.0)]
    late = [comparison([["a1"], ["a2"]], occurred_at=T0_MS * 1000 + 1), comparison([["a2"], ["a1"]])]
    assert pairs(candidates("x", "y", comparisons=late)) == [("x", "y", None, 1.0)]


def test_aspects_of_a_pair_that_disagree_make_no_row() -> None:
    judged = candidates(
        "x", "y", comparisons=[comparison(FOR_X, aspect="safety"), comparison(FOR_Y, aspect="style")]
    )
    assert Rows(judged).left_out["preference"] == ["aspects_disagree"]
    assert pairs(judged, training_aspects="safety") == [("x", "y", None, 1.0)]
    tied = candidates(
        "x", "y", comparisons=[comparison(FOR_X, aspect="safety"), comparison(TIE, aspect="style")]
    )
    assert pairs(tied) == [("x", "y", None, 1.0)]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (candidates("x", "y", comparisons=[comparison(FOR_X, none_acceptable=True)]), "none_acceptable"),
        (candidates("x", "y", comparisons=[comparison(FOR_X)], status="cut"), "incomplete_answer"),
        (candidates("x", "y", comparisons=[comparison([["a1"]])]), "not_ranked"),
        (candidates("x", "y", comparisons=[comparison([["a1"], ["gone"]])]), "message_not_found"),
        (candidates("x", "y", comparisons=[comparison([["a1"], ["q"]])]), "not_an_answer"),
        (
            finished(
                message("q", "user"),
                message("a1"),
                message("q2", "user"),
                message("a2"),
                comparisons=[comparison(FOR_X)],
            ),
            "different_histories",
        ),
        (
            finished(
                message("q", "user"),
                message("a1"),
                message("a2", parent_id="q", tools='[{"name": "clock"}]'),
                comparisons=[comparison(FOR_X)],
            ),
            "different_tools",
        ),
    ],
    ids=["both bad", "cut answers", "one ranked", "unknown candidate", "a question", "other histories",
         "other tools"],
)  # fmt: skip
def test_a_comparison_without_a_pair_is_counted(record: Record, reason: str) -> None:
    assert (pairs(record), lost(record)) == ([], {reason: 1})


def test_a_pair_that_is_lost_leaves_the_others_of_its_ranking() -> None:
    judged = candidates("x", "y", "z", comparisons=[comparison([["a1"], ["a2"], ["a3"]])])
    judged["messages"][3]["status"] = "cut"
    assert pairs(judged) == [("x", "y", 0.5, 1.0)]
    assert lost(judged) == {}


def test_histories_that_say_the_same_are_one_history() -> None:
    """As in two chats side by side, whose questions are two messages."""
    battle = finished(
        message("q1", "user", content="hi"),
        message("a1"),
        message("q2", "user", content="hi", parent_id=""),
        message("a2"),
        comparisons=[comparison(FOR_X)],
    )
    assert pairs(battle) == [("text of a1", "text of a2", None, 1.0)]


def test_a_liked_and_a_disliked_sibling_are_a_pair() -> None:
    judged = candidates("x", "y", feedback=[like("a1"), like("a2", False)])
    found = rows(judged)
    assert pairs(judged) == [("x", "y", 1.0, 1.0)]
    assert found["preference"][0]["origin"] == "sibling_ratings"
    assert {row["completion"][0]["content"]: row["label"] for row in found["kto"]} == {"x": True, "y": False}


def test_a_liked_answer_and_one_that_others_disliked_are_a_pair() -> None:
    judged = candidates("x", "y", feedback=[like("a1"), like("a2", False, rater={"id": "other"})])
    assert pairs(judged) == [("x", "y", 1.0, 1.0)]
    assert rows(judged)["preference"][0]["votes"] == 2


@pytest.mark.parametrize(
    ("ratings", "rules", "expected"),
    [
        ((5, 3), {}, [("x", "y", 0.5, 1.0)]),
        ((2, 4), {}, [("y", "x", 0.5, 1.0)]),
        ((5, 4), {}, []),
        ((5, 4), {"pair_min_gap": 0.25}, [("x", "y", 0.25, 1.0)]),
        ((5, 5), {"pair_min_gap": 0.25}, []),
    ],
    ids=["clear", "the other way", "too close", "close enough as asked", "equal"],
)
def test_ratings_of_siblings_with_a_clear_gap_are_a_pair(
    ratings: tuple[int, int], rules: dict[str, float], expected: list[Any]
) -> None:
    judged = candidates("x", "y", feedback=[number("a1", ratings[0]), number("a2", ratings[1])])
    assert pairs(judged, **rules) == expected


def test_raters_who_see_no_gap_vote_for_neither() -> None:
    ratings = [like("a1"), like("a2", False)]
    ratings += [like(name, rater={"id": "r"}) for name in ("a1", "a2")]
    assert pairs(candidates("x", "y", feedback=ratings)) == [("x", "y", 1.0, 0.5)]


def test_answers_that_nobody_tells_apart_are_no_unit() -> None:
    liked = [like(name, rater={"id": rater}) for name in ("a1", "a2") for rater in ("r", "s")]
    assert {unit["kind"] for unit in units(candidates("x", "y", feedback=liked))} == {"answer"}


def test_answers_rated_in_different_aspects_are_no_pair() -> None:
    assert pairs(candidates("x", "y", feedback=[like("a1"), like("a2", False, aspect="style")])) == []


def test_a_comparison_overrules_ratings() -> None:
    judged = candidates("x", "y", feedback=[like("a1"), like("a2", False)], comparisons=[comparison(FOR_Y)])
    row = rows(judged)["preference"][0]
    assert (row["chosen"][0]["content"], row["votes"], row["origin"]) == ("y", 1, "comparison")


def test_a_correction_is_a_target_and_a_pair() -> None:
    found = rows(chat(like("a"), correction("a", "better")))
    assert [row["completion"][0]["content"] for row in found["sft"]] == ["better"]
    assert found["sft"][0]["origin"] == "correction"
    pair = found["preference"][0]
    assert pair["chosen"] == [{"role": "assistant", "content": "better"}]
    assert pair["rejected"] == [{"role": "assistant", "content": "text of a"}]
    assert (pair["message_ids"], pair["vote_strength"], pair["model"]) == (["a", "a"], None, "m")
    assert [row["label"] for row in found["kto"]] == [True]


def test_a_correction_to_the_same_text_approves_of_it() -> None:
    found = rows(chat(correction("a", "text of a")))
    assert ([len(found[subset]) for subset in ("sft", "preference", "kto")]) == [1, 0, 0]
    assert Rows(chat(correction("a", "text of a"))).left_out["kto"] == ["unrated"]


def test_a_correction_of_a_cut_answer_is_no_pair() -> None:
    cut = finished(message("q", "user"), message("a", status="cut"), feedback=[correction("a", "whole")])
    assert ([len(rows(cut)[subset]) for subset in ("sft", "preference")]) == [1, 0]
    gone = finished(message("q", "user"), message("a", status="cut"), feedback=[correction("a", "")])
    assert lost(gone) == {"empty_answer": 1}
