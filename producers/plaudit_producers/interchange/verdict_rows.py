"""A verdict in a row of a table or in a line of JSON, as an event. Pure.

The ids follow from all that the row says. So a second run changes nothing, and a changed value is a new word.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import (
    COMPARE_MESSAGES,
    CORRECTION,
    LABEL,
    NUMBER,
    TEXT,
    THUMB,
    UPDATE_MESSAGE,
)
from plaudit_schemas.review.answer_checks import problem_of
from plaudit_schemas.review.answers import AnswerEvent, Said, bodies_of, level_of
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.review.targets import ReviewTarget

from plaudit_producers.interchange.carried import carried_item
from plaudit_producers.interchange.derived import derived_id
from plaudit_producers.interchange.judgement_files import LabelOptions

FIELDS: Final = (
    "conversation", "message", "prompt", "question", "aspect", "value", "kind", "minimum", "maximum",
    "rater", "comment", "confidence",
)  # fmt: skip
"""The fields of a row."""
_NAMES: Final = {"thumb": THUMB, "number": NUMBER, "label": LABEL, "text": TEXT, "correction": CORRECTION}
_THUMBS: Final = {"true": True, "up": True, "false": False, "down": False}
_UNSCALED: Final = (
    "the scale of {} is not known; give the columns minimum and maximum, or declare the aspect "
    "(PLAUDIT_ASPECTS)"
)
Row = Mapping[str, Any]


def event_of_row(row: Row, options: LabelOptions) -> AnswerEvent:
    """The event of a row: an answer to a question of the rubric, or a verdict on an aspect.

    Raises:
        ValueError: it lacks something, or its value does not fit. The message says what to do.
    """
    if _text(row, "question"):
        return _answer(row, options)
    if not _is_plain(row.get("value")):
        raise ValueError("value must be a text, a number, true or false, or a list of texts")
    if _ranking(row) is not None:
        return _comparison(row, options)
    return _feedback(row, options)


def _is_plain(value: Any, depth: int = 2) -> bool:
    """Whether a value holds no object: it would become a label or the id of a message as it is printed."""
    if isinstance(value, list):
        return depth > 0 and all(each is not None and _is_plain(each, depth - 1) for each in value)
    return value is None or isinstance(value, str | int | float)


def _answer(row: Row, options: LabelOptions) -> AnswerEvent:
    rubric, name = options.rubric, _text(row, "question")
    if rubric is None:
        raise ValueError("question names a question of a rubric; give its file with --rubric, or use aspect")
    question = rubric.question(name)
    if question is None:
        known = ", ".join(each.name for each in rubric.questions)
        raise ValueError(f"question {name} is none of rubric {rubric.name}, which has {known}")
    if question.kind in ("prompt", "demonstration") or rubric.target == "topic":
        raise ValueError(f"question {name} is for writing messages, which no file of verdicts brings")
    value, candidates = _answer_value(question, _value(row)), ()
    if question.kind == "ranking":
        candidates = tuple(sorted(each for group in value["groups"] for each in group))
    asked = rubric.model_copy(update={"questions": (question.model_copy(update={"required": False}),)})
    problem = problem_of(asked, {name: value}, candidates)
    if problem is not None:
        raise ValueError(problem)
    if rubric.target == "answer" and level_of(rubric, question) == "prompt" and not _text(row, "prompt"):
        raise ValueError(f"question {name} is about the prompt; name its message in the column prompt")
    if question.kind == "correction" and rubric.target == "answers":
        raise ValueError(
            f"question {name} corrects the best of several answers; give it as an aspect instead"
        )
    item = carried_item(rubric, _target(rubric, row), prompt_id=_text(row, "prompt"), candidates=candidates)
    said = Said(
        _rater(row, options),
        derived_id("row", options.again, json.dumps(value, sort_keys=True)),
        comment=_text(row, "comment") or None,
        confidence=_confidence(row),
    )
    (event,) = bodies_of(asked, item.address, {name: value}, said)
    return event


def _target(rubric: Rubric, row: Row) -> ReviewTarget:
    message = _text(row, "message")
    if rubric.target == "conversation":
        if message:
            raise ValueError("the rubric is about whole conversations; leave message empty")
        return ReviewTarget("conversation", _needed(row, "conversation"), "")
    if not message and rubric.target != "answers":  # answers may begin a conversation
        raise ValueError("message is empty; name the message that is judged")
    return ReviewTarget(rubric.target, _needed(row, "conversation"), message)


def _answer_value(question: RubricQuestion, value: Any) -> Any:
    if not isinstance(value, str):
        return {"groups": value} if question.kind == "ranking" and isinstance(value, list) else value
    if question.kind == "thumb":
        return _THUMBS.get(value.strip().lower(), value)
    if question.kind == "rating":
        return _number(value, f"value of {question.name}")
    if question.kind == "labels":
        return _split(value)
    return {"groups": _groups(value)} if question.kind == "ranking" else value


def _comparison(row: Row, options: LabelOptions) -> AnswerEvent:
    groups = _ranking(row)
    ranked = [each for group in groups or () for each in group]
    if groups is None or len(ranked) < 2 or len(set(ranked)) < len(ranked):
        raise ValueError("value must rank messages of the conversation, such as m2 > m3, with = for a tie")
    conversation, rater = _needed(row, "conversation"), _rater(row, options)
    aspect = _text(row, "aspect") or "preference"
    candidates = sorted(ranked)
    body = {
        "comparison_id": derived_id("comparison", conversation, rater, aspect, *candidates),
        "candidates": candidates,
        "ranking": groups,
        "rater": _person(rater),
        "aspect": aspect,
        **_said(row),
    }
    return _event(conversation, (COMPARE_MESSAGES, body), options)


def _feedback(row: Row, options: LabelOptions) -> AnswerEvent:
    conversation, aspect = _needed(row, "conversation"), _text(row, "aspect")
    if not aspect:
        raise ValueError("the verdict has neither question nor aspect; say what is judged")
    value, message, rater = _value(row), _text(row, "message"), _rater(row, options)
    kind = _text(row, "kind") or _kind_of(value)
    if kind not in _NAMES:
        raise ValueError(f"kind must be one of {', '.join((*_NAMES, 'ranking'))}, not {kind}")
    if kind == "correction" and not message:
        raise ValueError("message is empty; name the message that is corrected")
    feedback = {
        "id": "",
        "rater": _person(rater),
        "aspect": aspect,
        "kind": kind,
        "value": (_NAMES[kind], _value_of(kind, value, row, aspect, options)),
        **_said(row),
    }
    feedback["id"] = derived_id("feedback", conversation, message, json.dumps(feedback, sort_keys=True))
    body = {"message_id": message or None, "feedback": feedback}
    return _event(conversation, (UPDATE_MESSAGE, body), options)


def _value_of(kind: str, value: Any, row: Row, aspect: str, options: LabelOptions) -> Record:
    if kind == "thumb":
        thumb = value if isinstance(value, bool) else _THUMBS.get(str(value).strip().lower())
        if thumb is None:
            raise ValueError(f"value must be true or false (or up or down), not {value!r}")
        return {"like": thumb}
    if kind == "number":
        least, most = _scale(row, aspect, options)
        return {"number": _number(value, "value"), "minimum": least, "maximum": most}
    if kind == "label":
        return {"labels": [str(each) for each in value] if isinstance(value, list) else _split(str(value))}
    return {"content" if kind == "correction" else "text": str(value)}


def _scale(row: Row, aspect: str, options: LabelOptions) -> tuple[float, float]:
    if _text(row, "minimum") and _text(row, "maximum"):
        return _number(row["minimum"], "minimum"), _number(row["maximum"], "maximum")
    declared = options.aspects.find(options.whose() or "", aspect)
    if declared is None or declared.minimum is None or declared.maximum is None:
        raise ValueError(_UNSCALED.format(aspect))
    return float(declared.minimum), float(declared.maximum)


def _kind_of(value: Any) -> str:
    if isinstance(value, bool) or str(value).strip().lower() in _THUMBS:
        return "thumb"
    try:
        _number(value, "value")
    except ValueError:
        return "label"
    return "number"


def _event(conversation: str, body: tuple[str, Record], options: LabelOptions) -> AnswerEvent:
    said = json.dumps(body, sort_keys=True)
    return AnswerEvent(conversation, derived_id("event", conversation, said, options.again), body)


def _said(row: Row) -> Record:
    said = {"comment": _text(row, "comment") or None, "confidence": _confidence(row)}
    return {name: value for name, value in said.items() if value is not None}


def _confidence(row: Row) -> float | None:
    return _number(row["confidence"], "confidence") if _text(row, "confidence") else None


def _rater(row: Row, options: LabelOptions) -> str:
    rater = _text(row, "rater") or options.rater
    if not rater:
        raise ValueError(
            "nobody is named who judges; fill the column rater, or give --rater for the whole file"
        )
    return options.people.get(rater, rater)


def _person(rater: str) -> Record:
    return {"id": rater, "kind": "reviewer"}


def _ranking(row: Row) -> list[list[str]] | None:
    """The groups that a row ranks, best first; None if its value is something else."""
    value, kind = row.get("value"), _text(row, "kind")
    if isinstance(value, list) and all(isinstance(each, list) for each in value):
        return [list(map(str, group)) for group in value]
    is_ranking = kind == "ranking" or (not kind and isinstance(value, str) and ">" in value)
    return _groups(str(value)) if is_ranking else None


def _groups(value: str) -> list[list[str]]:
    return [[one.strip() for one in group.split("=") if one.strip()] for group in value.split(">")]


def _split(value: str) -> list[str]:
    return [each.strip() for each in value.split("|") if each.strip()]


def _value(row: Row) -> Any:
    value = row.get("value")
    if value is None or (isinstance(value, str) and not value.strip()) or value == []:
        raise ValueError("value is empty; fill it, or leave out the line")
    return value


def _number(value: Any, what: str) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        number = None
    if number is None or isinstance(value, bool) or not isfinite(number):
        raise ValueError(f"{what} must be a number, not {value!r}")
    return number


def _needed(row: Row, name: str) -> str:
    text = _text(row, name)
    if not text:
        raise ValueError(f"{name} is empty; every verdict names its {name}")
    return text


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value).strip()
