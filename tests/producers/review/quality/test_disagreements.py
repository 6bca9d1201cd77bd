"""Which items wait for an adjudicator."""

from typing import Any

import pytest
from plaudit_producers.review.quality.words import disagreement_of

from tests.producers.review.quality.queues import PAIRS, item, rubric_of, thumbs

RATED = rubric_of(questions=[{"name": "q", "kind": "rating", "title": "q"}])
LABELLED = rubric_of(questions=[{"name": "q", "kind": "labels", "labels": ["x", "y"], "title": "q"}])
WRITTEN = rubric_of(questions=[{"name": "q", "kind": "text", "title": "q"}])


@pytest.mark.parametrize(
    ("rubric", "question", "one", "other", "differ"),
    [
        pytest.param(rubric_of(), "helpful", True, False, True, id="thumbs"),
        pytest.param(rubric_of(), "helpful", True, True, False, id="equal thumbs"),
        pytest.param(rubric_of(), "tone", "warm", "cold", False, id="a question that may stay open"),
        pytest.param(RATED, "q", 5, 4, False, id="ratings on one side"),
        pytest.param(RATED, "q", 5, 3, False, id="a rating in the middle"),
        pytest.param(RATED, "q", 4, 2, True, id="ratings on different sides"),
        pytest.param(LABELLED, "q", ["x"], ["x", "y"], True, id="labels"),
        pytest.param(WRITTEN, "q", "one", "other", False, id="words"),
        pytest.param(PAIRS, "better", [["m"], ["n"]], [["n"], ["m"]], True, id="rankings"),
        pytest.param(PAIRS, "better", [["m"], ["n"]], [["m", "n"]], False, id="a ranking and a tie"),
    ],
)
def test_required_questions_with_different_answers_wait(
    rubric: Any, question: str, one: Any, other: Any, differ: bool
) -> None:
    said = [{"groups": each} if question == "better" else each for each in (one, other)]
    found = item(0, {"ana": {question: said[0]}, "ben": {question: said[1]}})
    assert disagreement_of(rubric, found) == ([question] if differ else [])


def test_an_item_waits_only_once_all_have_answered_it() -> None:
    (found,) = thumbs("+-")
    assert disagreement_of(rubric_of(overlap=3), found) == []
    assert disagreement_of(rubric_of(overlap=2), found) == ["helpful"]


def test_a_settled_item_and_a_control_item_do_not_wait() -> None:
    (settled,) = thumbs("+-", adjudicated={"lea": {"helpful": True}})
    (half_settled,) = thumbs("+-", adjudicated={"lea": {"tone": "warm"}})
    (control,) = thumbs("+-", reasons=("control",))
    found = [disagreement_of(rubric_of(), each) for each in (settled, half_settled, control)]
    assert found == [[], ["helpful"], []]
