"""What a page may send as answers, and the one form of each."""

from typing import Any

import pytest
from plaudit_schemas.contract.limits import CONTENT_BYTES
from plaudit_schemas.review.answer_checks import problem_of, tidied

from tests.support.rubrics import CORRECTION, LABEL, LABELS, RANKING, RATING, TEXT, THUMB, optional, rubric

MADE = optional(rubric("answer", THUMB, RATING, LABEL, LABELS, TEXT, CORRECTION))
RANKED = rubric("answers", RANKING)


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        pytest.param([], "must be an object", id="no object"),
        pytest.param({}, "at least one question", id="nothing"),
        pytest.param({"remark": " \n"}, "at least one question", id="a blank text"),
        pytest.param({"faults": []}, "at least one question", id="no label"),
        pytest.param(
            {"other\x1b": 1}, r"'other\\x1b' is no question of rubric quality", id="another question"
        ),
        pytest.param({"fine": 1}, "fine must be true for up", id="a thumb of a number"),
        pytest.param(
            {"helpful": True}, "helpful must be a whole number from 0 to 4", id="a rating of a bool"
        ),
        pytest.param({"helpful": 5}, "whole number from 0 to 4", id="above the scale"),
        pytest.param({"helpful": -1}, "whole number from 0 to 4", id="below the scale"),
        pytest.param({"helpful": 2.5}, "whole number", id="between two"),
        pytest.param({"helpful": float("nan")}, "whole number", id="not a number"),
        pytest.param({"helpful": float("inf")}, "whole number", id="without end"),
        pytest.param({"helpful": 10**400}, "whole number", id="a number that no float holds"),
        pytest.param({"helpful": "3"}, "whole number", id="a rating as a text"),
        pytest.param({"correct": "maybe"}, "correct must be one of correct, incorrect", id="another label"),
        pytest.param({"correct": ["correct"]}, "must be one of", id="a list for one label"),
        pytest.param({"faults": "rude"}, "faults must be a list of long, rude", id="one label for a list"),
        pytest.param({"faults": ["rude", "x"]}, "must be a list of", id="another among the labels"),
        pytest.param({"faults": ["rude", {}]}, "must be a list of", id="no text among the labels"),
        pytest.param({"faults": ["rude", "rude"]}, "holds a label twice", id="a label twice"),
        pytest.param({"remark": 3}, "remark must be a text", id="a text of a number"),
        pytest.param({"better": "x" * (CONTENT_BYTES + 1)}, "better is longer than", id="too long"),
        pytest.param({"remark": "\ud800"}, "half of a character", id="half of a pair"),
    ],
)
def test_wrong_answers_are_told(answers: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        raise ValueError(problem_of(MADE, answers))


@pytest.mark.parametrize(
    ("ranking", "problem"),
    [
        pytest.param([["a"], ["b"]], "must have groups", id="no object"),
        pytest.param({"groups": [["a"], ["b"]], "best": 1}, "must have groups", id="another field"),
        pytest.param({"groups": None}, "must have lists of answers", id="no list"),
        pytest.param({"groups": [["a"], [], ["b"]]}, "no empty list", id="an empty group"),
        pytest.param({"groups": ["a", "b"]}, "must have lists of answers", id="texts as groups"),
        pytest.param({"groups": [["a"], [1]]}, "must have lists of answers", id="a number as an answer"),
        pytest.param({"groups": [["a"]]}, "each of the answers shown once", id="one left out"),
        pytest.param({"groups": [["a"], ["a", "b"]]}, "each of the answers shown once", id="one twice"),
        pytest.param({"groups": [["a"], ["z"]]}, "each of the answers shown once", id="another answer"),
        pytest.param({"groups": []}, "each of the answers shown once", id="nothing"),
        pytest.param(
            {"groups": [["a"]], "none_acceptable": True},
            "each of the answers shown once",
            id="one of those that are not acceptable",
        ),
        pytest.param({"groups": [], "none_acceptable": 1}, "true or false", id="a number as a flag"),
    ],
)
def test_wrong_rankings_are_told(ranking: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=f"best .*{problem}"):
        raise ValueError(problem_of(RANKED, {"best": ranking}, ("a", "b")))


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param({}, id="left out"),
        pytest.param({"correct": None}, id="null"),
        pytest.param({"correct": " "}, id="blank"),
    ],
)
def test_a_required_question_needs_an_answer(answers: Any) -> None:
    assert problem_of(rubric("answer", LABEL), answers) == "correct needs an answer"


def test_answers_have_one_form() -> None:
    given = {"helpful": 3.0, "faults": ("طويل", "long"), "remark": " ", "fine": None, "correct": "correct"}
    assert problem_of(MADE, given) is None
    found = tidied(MADE, given)
    assert found == {"helpful": 3, "correct": "correct", "faults": ["long", "طويل"]}
    assert type(found["helpful"]) is int
    ranked = {"best": {"groups": [["b", "a"], ["c"]]}}
    assert problem_of(RANKED, ranked, ("c", "b", "a")) is None
    assert tidied(RANKED, ranked) == {"best": {"groups": [["a", "b"], ["c"]], "none_acceptable": False}}
