"""What may be answered to the questions of a rubric, and the one form of each answer. Pure.

A question that is left out, or has None, a blank text or no label, is not answered.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.contract.field_types import too_long
from plaudit_schemas.contract.limits import CONTENT_BYTES
from plaudit_schemas.review.changes import Answers
from plaudit_schemas.review.rubric import Rubric, RubricQuestion

WRITTEN: Final = ("text", "correction", "demonstration", "prompt")
"""The kinds of question that are answered in words."""


def problem_of(rubric: Rubric, answers: Any, candidates: Sequence[str] = ()) -> str | None:
    """What is wrong with answers to an item, as a sentence for the reviewer. None if nothing is.

    Args:
        answers: as a page sends them, so anything that JSON can hold.
        candidates: ids of the answers that a ranking is about.
    """
    if not isinstance(answers, Mapping):
        return "the answers must be an object that has an answer for each question"
    for name in answers:
        if rubric.question(name) is None:
            return f"{_shown(name)} is no question of rubric {rubric.name}, version {rubric.version}"
    for question in rubric.questions:
        answer = answers.get(question.name)
        problem = None if answer is None else answer_problem(question, answer, candidates)
        if problem is not None:
            return f"{question.name} {problem}"
        if question.required and _is_open(answer):
            return f"{question.name} needs an answer"
    if not tidied(rubric, answers):
        return "at least one question needs an answer"
    return None


def answer_problem(question: RubricQuestion, answer: Any, candidates: Sequence[str] = ()) -> str | None:
    """What is wrong with an answer to one question; the rest of a sentence that begins with its name."""
    return _CHECKS[question.kind](question, answer, candidates)


def tidied(rubric: Rubric, answers: Answers) -> dict[str, Any]:
    """Answers without the open questions, each in the form that it has when it is read from the log.

    Args:
        answers: `problem_of` has found nothing wrong with them.
    """
    return {
        question.name: _form(question, answers[question.name])
        for question in rubric.questions
        if not _is_open(answers.get(question.name))
    }


def in_order(question: RubricQuestion, labels: Sequence[str]) -> list[str]:
    """Labels, each once, in the order in which the question names them."""
    return [label for label in question.labels if label in labels]


def _form(question: RubricQuestion, answer: Any) -> Any:
    if question.kind == "rating":
        return int(answer)
    if question.kind == "labels":
        return in_order(question, answer)
    if question.kind == "ranking":
        groups = [sorted(group) for group in answer["groups"]]
        return {"groups": groups, "none_acceptable": bool(answer.get("none_acceptable", False))}
    return answer


def _is_open(answer: Any) -> bool:
    return answer is None or (isinstance(answer, str) and not answer.strip()) or answer == []


def _thumb(_question: RubricQuestion, answer: Any, _candidates: Sequence[str]) -> str | None:
    return None if isinstance(answer, bool) else "must be true for up or false for down"


def _rating(question: RubricQuestion, answer: Any, _candidates: Sequence[str]) -> str | None:
    is_number = not isinstance(answer, bool) and isinstance(answer, int | float)
    # The range first: what is not finite is in none, and cannot be made an int.
    if is_number and question.minimum <= answer <= question.maximum and answer == int(answer):
        return None
    return f"must be a whole number from {question.minimum} to {question.maximum}"


def _label(question: RubricQuestion, answer: Any, _candidates: Sequence[str]) -> str | None:
    if isinstance(answer, str) and (answer in question.labels or not answer.strip()):
        return None
    return f"must be one of {', '.join(question.labels)}"


def _labels(question: RubricQuestion, answer: Any, _candidates: Sequence[str]) -> str | None:
    if not isinstance(answer, list | tuple) or any(each not in question.labels for each in answer):
        return f"must be a list of {', '.join(question.labels)}"
    return "holds a label twice" if len(set(answer)) < len(answer) else None


def _words(_question: RubricQuestion, answer: Any, _candidates: Sequence[str]) -> str | None:
    if not isinstance(answer, str):
        return "must be a text"
    try:
        answer.encode()
    except UnicodeEncodeError:
        return "holds half of a character, which cannot be written in UTF-8"
    return f"is longer than {CONTENT_BYTES} bytes of UTF-8; shorten it" if too_long(answer) else None


def _ranking(_question: RubricQuestion, answer: Any, candidates: Sequence[str]) -> str | None:
    if not isinstance(answer, Mapping) or not answer.keys() <= {"groups", "none_acceptable"}:
        return "must have groups, and may have none_acceptable"
    groups, none_acceptable = answer.get("groups"), answer.get("none_acceptable", False)
    if not isinstance(none_acceptable, bool):
        return "must have true or false as none_acceptable"
    if not isinstance(groups, list | tuple) or not all(_is_group(group) for group in groups):
        return "must have lists of answers as groups, and no empty list among them"
    ranked = [each for group in groups for each in group]
    if not ranked and none_acceptable:
        return None
    if sorted(ranked) != sorted(candidates):
        return "must rank each of the answers shown once; ties stand in one group"
    return None


def _is_group(group: Any) -> bool:
    return isinstance(group, list | tuple) and bool(group) and all(isinstance(each, str) for each in group)


def _shown(name: Any) -> str:
    return repr(str(name)[:80])


_CHECKS: Final[Mapping[str, Callable[[RubricQuestion, Any, Sequence[str]], str | None]]] = {
    "thumb": _thumb,
    "rating": _rating,
    "label": _label,
    "labels": _labels,
    "ranking": _ranking,
    **dict.fromkeys(WRITTEN, _words),
}
