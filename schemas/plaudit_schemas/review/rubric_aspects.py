"""Whether the answers to a rubric's questions fit the aspects that its application declares. Pure."""

from typing import Any, Final

from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.review.answers import ItemAddress, Said, bodies_of
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.review.targets import ReviewTarget

_SHOWN: Final = ("a", "b")


def aspect_problem(rubric: Rubric, question: RubricQuestion, aspects: Aspects) -> str | None:
    """What would be refused of the answers to a question, or None. It tries an answer of each sort."""
    item = ItemAddress("item", ReviewTarget(rubric.target, "c", "m"), "p", _SHOWN)
    for answer in _answers_to(question):
        for event in bodies_of(rubric, item, {question.name: answer}, Said("reviewer", "draft")):
            problem = aspects.problem(rubric.application, event.body)
            if problem is not None:
                return str(problem)
    return None


def _answers_to(question: RubricQuestion) -> list[Any]:
    """An answer of each sort."""
    if question.kind == "thumb":
        return [True]
    if question.kind == "rating":
        return [question.minimum]
    if question.kind == "label":
        return list(question.labels)
    if question.kind == "labels":
        return [list(question.labels)]
    if question.kind == "ranking":
        return [{"groups": [[one] for one in _SHOWN]}]
    return ["text"]
