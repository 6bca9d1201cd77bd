"""What makes no sense in a rubric is told where it is."""

from typing import Any

import pytest
import yaml
from plaudit_schemas.review.rubric_checks import notes_of
from plaudit_schemas.review.rubric_file import parse_rubric

from tests.support.rubric_problems import problems_in
from tests.support.rubrics import (
    CORRECTION,
    LABEL,
    LABELS,
    OF_CHAT,
    OF_PROMPT,
    RANKING,
    RATING,
    TEXT,
    THUMB,
    rubric_fields,
)

CONTROL = {"conversation": "c", "message": "m", "expected": {"fine": True}}


def _controlled(*items: dict[str, Any], target: str = "answer") -> dict[str, Any]:
    return rubric_fields(target, controls={"items": [{**CONTROL, **item} for item in items]})


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        pytest.param(
            rubric_fields(questions=[]), "line 6: questions: is empty; name at least one", id="no questions"
        ),
        pytest.param(rubric_fields(title=None), "line 1: title: is missing", id="a field left out"),
        pytest.param(rubric_fields(title=" "), "line 4: title: is empty", id="a blank title"),
        pytest.param(
            rubric_fields(title="a\u202eb"), "line 4: title: holds characters that", id="a turned title"
        ),
        pytest.param(
            rubric_fields(title="x" * 201), "line 4: title: must have at most 200", id="a long title"
        ),
        pytest.param(
            rubric_fields("answer", THUMB, THUMB), "two questions are named fine", id="a name twice"
        ),
        pytest.param(
            rubric_fields("answer", THUMB, {**THUMB, "name": "good", "aspect": "fine"}),
            "questions.1: good and fine would be the same feedback (aspect fine, thumb)",
            id="one aspect twice",
        ),
        pytest.param(
            rubric_fields("answer", THUMB, {**OF_PROMPT, "aspect": "fine"}),
            "clear and fine would be the same feedback",
            id="one aspect of answer and prompt",
        ),
        pytest.param(
            rubric_fields("answer", OF_PROMPT, {**OF_CHAT, **THUMB, "aspect": "clear"}),
            "fine and clear would be the same feedback",
            id="one aspect of prompt and chat",
        ),
        pytest.param(
            rubric_fields("answer", LABEL, {**LABELS, "aspect": "correct"}),
            "faults and correct would be the same feedback (aspect correct, label)",
            id="label and labels of one aspect",
        ),
        pytest.param(
            rubric_fields("answers", RANKING, {**RANKING, "name": "again", "aspect": "best"}),
            "again and best would be the same feedback (aspect best, ranking)",
            id="two rankings of one aspect",
        ),
        pytest.param(
            rubric_fields("answer", RANKING),
            "line 7: questions.0: question best: the target answer has the kinds correction, label",
            id="a kind that the target lacks",
        ),
        pytest.param(
            rubric_fields("conversation", OF_PROMPT),
            "line 7: questions.0: question clear: with target conversation, about may be conversation",
            id="a level that the target lacks",
        ),
        pytest.param(
            rubric_fields("answer", {**CORRECTION, "about": "prompt"}),
            "questions.0.about: is not for the kind correction",
            id="a corrected prompt",
        ),
        pytest.param(
            rubric_fields("answers", CORRECTION),
            "line 7: questions.0: the best ranked answer",
            id="no ranking",
        ),
        pytest.param(
            rubric_fields("topic", LABEL, topics=[{"name": "a", "prompts": 1}]),
            "the target topic needs one question of kind prompt",
            id="a topic without a prompt",
        ),
        pytest.param(
            rubric_fields(
                "topic", {**TEXT, "kind": "prompt", "required": False}, topics=[{"name": "a", "prompts": 1}]
            ),
            "line 10: questions.0.required: a prompt must be required",
            id="a prompt that may be left out",
        ),
        pytest.param(
            rubric_fields("topic"), "line 1: topics are needed for the target topic", id="no topics"
        ),
        pytest.param(
            rubric_fields("topic", topics=[{"name": "a", "prompts": 1}, {"name": "a", "prompts": 1}]),
            "topics.1: a is named twice",
            id="a topic twice",
        ),
        pytest.param(
            rubric_fields("topic", topics=[{"name": str(each), "prompts": 60_000} for each in (1, 2)]),
            "topics: ask for 120000 prompts; 100000 are allowed",
            id="too many prompts",
        ),
        pytest.param(
            rubric_fields("topic", topics=[{"name": "a", "prompts": 1}], select={"random": 0.1}),
            "select: is not for the target topic",
            id="topics are not selected",
        ),
        pytest.param(
            rubric_fields(
                "prompt", {**TEXT, "kind": "demonstration"}, {**TEXT, "name": "b", "kind": "demonstration"}
            ),
            "questions.1: b and remark both ask for a demonstration",
            id="two demonstrations",
        ),
        pytest.param(
            rubric_fields("prompt", select={"disliked": True}),
            "select.disliked: is about answers",
            id="disliked prompts",
        ),
        pytest.param(
            rubric_fields(select={"filter": {"tags": {"a": []}}}),
            "select.filter.tags.a: is empty",
            id="an empty filter",
        ),
        pytest.param(
            rubric_fields(select={"random": 1.5}), "select.random: must be at most 1", id="above all"
        ),
        pytest.param(rubric_fields(select={"random": float("nan")}), "line", id="no share"),
        pytest.param(rubric_fields(overlap=0), "overlap: must be at least 1", id="nobody"),
        pytest.param(rubric_fields(overlap=2.5), "overlap: must be a whole number", id="half a person"),
        pytest.param(rubric_fields(lease_minutes=0), "lease_minutes: must be more than 0", id="no time"),
        pytest.param(
            rubric_fields(lease_minutes=float("inf")), "lease_minutes: must be at most 10080", id="for ever"
        ),
        pytest.param(rubric_fields(reviewers={"roles": []}), "reviewers.roles: is empty", id="nobody may"),
        pytest.param(
            rubric_fields(reviewers={"people": [" ada"]}), "must not have blanks", id="a blank name"
        ),
        pytest.param(
            rubric_fields(continues=["1"]), "continues names earlier versions", id="it continues itself"
        ),
        pytest.param(
            rubric_fields("answer", {**RATING, "minimum": 3, "maximum": 3}),
            "maximum must be 1 to 10 above",
            id="no scale",
        ),
        pytest.param(
            rubric_fields("answer", {**LABEL, "labels": ["a", "a"]}),
            "holds a label twice",
            id="a label twice",
        ),
        pytest.param(
            rubric_fields("answer", {**LABEL, "labels": ["a", "b\u2067"]}),
            "line 12: questions.0.labels.1: holds characters",
            id="a turned label",
        ),
        pytest.param(
            rubric_fields("answer", {**LABEL, "labels": ["a "]}),
            "labels.0: must not have blanks",
            id="a blank label",
        ),
        pytest.param(
            _controlled({"expected": {"fine": "yes"}}), "expected.fine: must be true", id="a wrong thumb"
        ),
        pytest.param(
            _controlled({"expected": {"helpful": 9}}),
            "helpful: must be a whole number from 0 to 4",
            id="off scale",
        ),
        pytest.param(
            _controlled({"expected": {"correct": "maybe"}}),
            "correct: must be one of correct",
            id="another label",
        ),
        pytest.param(
            _controlled({"expected": {"faults": ["rude", "odd"]}}),
            "faults: must be a list of",
            id="other labels",
        ),
        pytest.param(
            _controlled({"expected": {"remark": "x"}}),
            "remark: a text has no right answer",
            id="a right text",
        ),
        pytest.param(
            _controlled({"expected": {"other": True}}),
            "other: is no question of this rubric",
            id="no question",
        ),
        pytest.param(_controlled({"expected": {}}), "items.0.expected: ", id="nothing expected"),
        pytest.param(_controlled({}, {}), "controls.items.1: is there twice", id="a control twice"),
        pytest.param(_controlled({"message": None}), "items.0: message is missing", id="no message"),
        pytest.param(
            _controlled({}, target="conversation"),
            "items.0: message must be left out",
            id="a message of a chat",
        ),
        pytest.param(
            rubric_fields("topic", topics=[{"name": "a", "prompts": 1}], controls={"items": [CONTROL]}),
            "controls.items: control items are not for the target topic",
            id="controls of topics",
        ),
    ],
)
def test_a_problem_is_told_where_it_is(document: Any, problem: str) -> None:
    found = problems_in(document)
    assert any(problem in each for each in found), found
    assert all(each.startswith("line ") for each in found)


def test_what_may_be_a_mistake_is_noted() -> None:
    made = parse_rubric(yaml.safe_dump(rubric_fields()).encode(), "x")
    assert [note.split(",")[0] for note in notes_of(made)] == [
        "nothing is selected",
        "it has no guidelines",
        "with overlap 1 and without controls nothing tells how well reviewers agree",
    ]
    select = {"everything": True, "random": 0.1}
    fields: dict[str, Any] = {"guidelines": "Do.", "overlap": 2, "select": select}
    made = parse_rubric(yaml.safe_dump(rubric_fields(**fields)).encode(), "x")
    assert [note.split(";")[0] for note in notes_of(made)] == ["everything is selected"]
