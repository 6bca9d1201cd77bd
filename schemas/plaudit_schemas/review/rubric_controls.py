"""What makes no sense in the control items of a rubric. Pure."""

from collections.abc import Iterator
from typing import Any, Final

from plaudit_schemas.contract.yaml_places import Place
from plaudit_schemas.review.answer_checks import answer_problem
from plaudit_schemas.review.rubric import Control, Rubric

_COMPARABLE: Final = ("thumb", "rating", "label", "labels")
"""Kinds of question whose answers are right or wrong."""


def control_problems(rubric: Rubric) -> Iterator[tuple[Place, str]]:
    """What is wrong with each control item. Places begin with the item's number."""
    if rubric.controls is None:
        return
    if rubric.target == "topic":
        yield (), "control items are not for the target topic: nobody knows the right prompt"
        return
    seen = set()
    for number, control in enumerate(rubric.controls.items):
        target = control.conversation, control.message
        if target in seen:
            yield (number,), "is there twice"
        seen.add(target)
        problem = _message_problem(rubric, control)
        if problem is not None:
            yield (number,), problem
        for name, expected in control.expected.items():
            problem = _expectation_problem(rubric, name, expected)
            if problem is not None:
                yield (number, "expected", name), problem


def _message_problem(rubric: Rubric, control: Control) -> str | None:
    if rubric.target == "conversation" and control.message is not None:
        return "message must be left out: the target is the conversation"
    if rubric.target in ("answer", "prompt") and control.message is None:
        return f"message is missing: the id of the {rubric.target}"
    return None


def _expectation_problem(rubric: Rubric, name: str, expected: Any) -> str | None:
    question = rubric.question(name)
    if question is None:
        return "is no question of this rubric"
    if question.kind not in _COMPARABLE:
        kinds = ", ".join(_COMPARABLE)
        return f"a {question.kind} has no right answer; expect answers to {kinds}"
    return answer_problem(question, expected)
