"""The results of an annotation of Label Studio as answers to a rubric's questions. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.review.rubric import RubricQuestion

from plaudit_producers.interchange.carried import CarriedItem, tie_name
from plaudit_producers.interchange.label_studio_config import (
    ANSWER,
    DOWN,
    NONE_ACCEPTABLE,
    TIE,
    UP,
    comment_name,
)

Result = tuple[str, Mapping[str, Any]]
"""The name of a control, and the value that it was given."""
_SIDES: Final = {"left": 0, "right": 1}
_UNSELECTED: Final = "none"  # a side was clicked twice


def answers_of(
    item: CarriedItem, results: Sequence[Result], data: Mapping[str, Any]
) -> tuple[dict[str, Any], str | None]:
    """The answers, and the comment on the item.

    Args:
        data: of the task.

    Raises:
        ValueError: a control is none of the rubric's, or has a value that it cannot have.
    """
    rubric = item.rubric
    ties = {tie_name(rubric, each.name): each for each in rubric.questions if each.kind == "ranking"}
    comment, answers, said_of_ties = None, dict[str, Any](), dict[str, str]()
    for name, value in results:
        question = rubric.question(name)
        if question is not None:
            answer = _READERS[question.kind](item, question, value)
            if answer is not None and not _is_unchanged(question, answer, data):
                answers[name] = answer
        elif name in ties:
            said_of_ties.update((ties[name].name, choice) for choice in _choices(name, value))
        elif name == comment_name(rubric):
            comment = _text(item, name, value)
        else:
            raise ValueError(
                f"{name} is no question of rubric {rubric.name}; keep the controls' names in the labelling "
                "configuration"
            )
    for name, choice in said_of_ties.items():
        answers[name] = tied(item, name, choice, answers.get(name))
    return answers, comment


def results_of_export(results: Any) -> Iterator[Result]:
    """The results of an annotation of the export JSON and of a webhook.

    Raises:
        ValueError: they have another shape.
    """
    if not isinstance(results, list):
        raise ValueError("the annotation's result must be a list")  # noqa: TRY004
    for result in results:
        yield result["from_name"], result["value"]


def results_of_row(row: Mapping[str, Any], item: CarriedItem) -> Iterator[Result]:
    """The results in a record of JSON_MIN, which writes single choices and texts as texts."""
    rubric = item.rubric
    ties = [tie_name(rubric, each.name) for each in rubric.questions if each.kind == "ranking"]
    for name in [*(each.name for each in rubric.questions), *ties, comment_name(rubric)]:
        value = row.get(name)
        if isinstance(value, str):
            yield name, {"text": [value], "choices": [value]}
        elif isinstance(value, dict):
            yield name, value
        elif isinstance(value, list):
            yield from ((name, each) for each in value if isinstance(each, dict))


def _is_unchanged(question: RubricQuestion, answer: Any, data: Mapping[str, Any]) -> bool:
    return question.kind == "correction" and answer == data.get(f"{ANSWER}1")


def _pairwise_or_ranker(item: CarriedItem, question: RubricQuestion, value: Mapping[str, Any]) -> Any:
    candidates = item.address.candidates
    if value.get("selected") == _UNSELECTED:
        return None
    if "selected" in value:
        side = _SIDES.get(value["selected"])
        if side is None or len(candidates) != 2:
            raise ValueError(f"{question.name}: selected must be left or right of two answers")
        return {"groups": [[candidates[side]], [candidates[1 - side]]], "none_acceptable": False}
    ranked = value["ranker"]
    if isinstance(ranked, Mapping):
        lists = [each for name, each in ranked.items() if name != "_"] or list(ranked.values())
        ranked = lists[0] if len(lists) == 1 else None
    names = {f"{ANSWER}{number}": name for number, name in enumerate(candidates, 1)}
    if not isinstance(ranked, list) or any(each not in names for each in ranked):
        raise ValueError(f"{question.name} must rank {', '.join(names)} in one list")
    return {"groups": [[names[each]] for each in ranked], "none_acceptable": False} if ranked else None


def tied(item: CarriedItem, name: str, choice: str, ranked: Any) -> dict[str, Any]:
    """What the control beside a ranking says, together with the ranking; None if nothing was ranked.

    Raises:
        ValueError: the choice is none of it.
    """
    if choice not in (TIE, NONE_ACCEPTABLE):
        raise ValueError(f"{tie_name(item.rubric, name)} must be {TIE!r} or {NONE_ACCEPTABLE!r}")
    tied = {"groups": [list(item.address.candidates)], "none_acceptable": choice == NONE_ACCEPTABLE}
    if choice == TIE or ranked is None:
        return tied
    return {**ranked, "none_acceptable": True}  # one may be better than another that is no good either


def _thumb(_item: CarriedItem, question: RubricQuestion, value: Mapping[str, Any]) -> bool | None:
    chosen = _one(question.name, value)
    if chosen not in (None, UP, DOWN):
        raise ValueError(f"{question.name} must be {UP!r} or {DOWN!r}")
    return None if chosen is None else chosen == UP


def _rating(_item: CarriedItem, question: RubricQuestion, value: Mapping[str, Any]) -> Any:
    if "rating" in value:
        return value["rating"] or None  # 0: the stars were cleared
    chosen = _one(question.name, value)
    try:
        return None if chosen is None else int(chosen)
    except ValueError:
        raise ValueError(f"{question.name} must be a whole number, not {chosen!r}") from None


def _label(_item: CarriedItem, question: RubricQuestion, value: Mapping[str, Any]) -> str | None:
    return _one(question.name, value)


def _labels(_item: CarriedItem, question: RubricQuestion, value: Mapping[str, Any]) -> list[str] | None:
    return _choices(question.name, value) or None


def _words(item: CarriedItem, question: RubricQuestion, value: Mapping[str, Any]) -> str | None:
    return _text(item, question.name, value)


def _text(_item: CarriedItem, name: str, value: Mapping[str, Any]) -> str | None:
    text = value["text"]
    texts = [text] if isinstance(text, str) else text
    if not isinstance(texts, list) or not all(isinstance(each, str) for each in texts):
        raise ValueError(f"{name} must be texts")
    return "\n".join(texts).strip("\n") or None


def _choices(name: str, value: Mapping[str, Any]) -> list[str]:
    choices = value["choices"]
    if not isinstance(choices, list) or not all(isinstance(each, str) for each in choices):
        raise ValueError(f"{name} must be a list of choices")
    return choices


def _one(name: str, value: Mapping[str, Any]) -> str | None:
    choices = _choices(name, value)
    if len(choices) > 1:
        raise ValueError(f"{name} takes one choice, not {len(choices)}")
    return choices[0] if choices else None


_READERS: Final[Mapping[str, Callable[[CarriedItem, RubricQuestion, Mapping[str, Any]], Any]]] = {
    "ranking": _pairwise_or_ranker,
    "thumb": _thumb,
    "rating": _rating,
    "label": _label,
    "labels": _labels,
    **dict.fromkeys(("text", "correction", "demonstration"), _words),
}
