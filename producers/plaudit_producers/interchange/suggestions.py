"""What scores of models say about the questions of a rubric, as answers to them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.contract.ratings import share_of_scale
from plaudit_schemas.review.answers import level_of
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.review.targets import ReviewTarget

from plaudit_producers.interchange.documents import Document

_QUALITY: Final = "quality"
"""The aspect of a scorer's numbers, which also say which of several answers is better."""
_MIDDLE: Final = 0.5
Feedback = Mapping[str, Any]
_Model = tuple[str, str]  # id and version
_ByModel = dict[_Model, dict[str, list[Feedback]]]


class ModelSuggestion(NamedTuple):
    """What one model suggests.

    Attributes:
        model: its rater id.
        version: empty if it has none.
        answers: question -> answer, in the form of `review.answers`.
        share: where its number lies on its scale, from 0 to 1, for one answer; None for several.
    """

    model: str
    version: str
    answers: Mapping[str, Any]
    share: float | None


def suggestions_of(
    rubric: Rubric, target: ReviewTarget, judged: Sequence[str], document: Document
) -> tuple[ModelSuggestion, ...]:
    """The suggestions for a target: one for each model that has something to say on a question.

    Args:
        judged: the messages that are judged, in the order shown.
    """
    by_model: _ByModel = {}
    for entity in document.get("feedback") or ():
        feedback = entity.get("feedback") or {}
        rater = feedback.get("rater") or {}
        if rater.get("kind") == "model" and feedback.get("value") is not None:
            said = by_model.setdefault((rater.get("id") or "model", rater.get("version") or ""), {})
            said.setdefault(entity.get("message_id") or "", []).append(feedback)
    found = []
    for (model, version), said in by_model.items():
        answers = {
            question.name: answer
            for question in rubric.questions
            if (answer := _answer(rubric, question, target, judged, said)) is not None
        }
        if answers:
            share = _share(said.get(judged[0], ()), _QUALITY) if len(judged) == 1 else None
            found.append(ModelSuggestion(model, version, answers, share))
    return tuple(found)


def _answer(
    rubric: Rubric,
    question: RubricQuestion,
    target: ReviewTarget,
    judged: Sequence[str],
    said: Mapping[str, Sequence[Feedback]],
) -> Any:
    if question.kind == "ranking":
        return _ranking(question, judged, said)
    level = level_of(rubric, question)
    about = "" if level == "conversation" else target.message_id
    if target.kind == "answer" and level == "prompt":
        return None
    given = [each for each in said.get(about, ()) if each["aspect"] == question.aspect]
    for feedback in given:
        answer = _read(question, feedback["kind"], feedback["value"][1])
        if answer is not None:
            return answer
    return None


def _read(question: RubricQuestion, kind: str, value: Mapping[str, Any]) -> Any:
    if kind == "thumb" and question.kind == "thumb":
        return value["like"]
    if kind == "label" and question.kind in ("label", "labels"):
        labels = [label for label in question.labels if label in value["labels"]]
        if question.kind == "labels":
            return labels or None
        return labels[0] if len(labels) == 1 else None
    if kind == "number" and question.kind in ("rating", "thumb"):
        return _read_number(question, share_of_scale(value["number"], value["minimum"], value["maximum"]))
    return None


def _read_number(question: RubricQuestion, share: float | None) -> Any:
    if share is None or (question.kind == "thumb" and share == _MIDDLE):
        return None
    if question.kind == "thumb":
        return share > _MIDDLE
    return question.minimum + round(share * (question.maximum - question.minimum))


def _ranking(
    question: RubricQuestion, judged: Sequence[str], said: Mapping[str, Sequence[Feedback]]
) -> dict[str, Any] | None:
    """The answers by their scores, where a model has given one to each of them."""
    for aspect in (question.aspect, _QUALITY):
        shares = [_share(said.get(name, ()), aspect) for name in judged]
        known = [share for share in shares if share is not None]
        if judged and len(known) == len(judged):
            groups = [
                [name for name, share in zip(judged, known, strict=True) if share == best]
                for best in sorted(set(known), reverse=True)
            ]
            return {"groups": groups, "none_acceptable": False}
    return None


def _share(given: Sequence[Feedback], aspect: str) -> float | None:
    for feedback in given:
        if feedback["kind"] == "number" and feedback["aspect"] == aspect:
            value = feedback["value"][1]
            return share_of_scale(value["number"], value["minimum"], value["maximum"])
    return None
