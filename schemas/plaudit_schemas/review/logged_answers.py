"""Answers of reviewers as the log has them. Pure."""

from typing import Any, NamedTuple

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import ADD_MESSAGE, COMPARE_MESSAGES, DECLINE_REVIEW, UPDATE_MESSAGE
from plaudit_schemas.review.answers import (
    ITEM_KEY,
    QUESTION_KEY,
    RUBRIC_KEY,
    VALUE_KINDS,
    VERSION_KEY,
    WRITERS,
    NamedBody,
    level_of,
)
from plaudit_schemas.review.rubric import Rubric, RubricQuestion


class AnswerOrigin(NamedTuple):
    """What a body of the log says of the review that it comes from.

    Attributes:
        item: as the log has it. Of an adjudication it begins with `targets.ADJUDICATION`.
        reviewer: the rater id; empty if there is none.
        suggestion_shown: None if nobody knows.
    """

    rubric: str
    version: str
    item: str
    reviewer: str
    suggestion_shown: bool | None = None


def answer_of(rubric: Rubric, body: NamedBody) -> tuple[str, Any] | None:
    """The question that a body answers, and the answer; the inverse of `answers.bodies_of`.

    The answer is None where it was taken back. What a reviewer wrote (AddMessage) is taken back by an
    ExcludeFromTraining of its message, which names no question: look at the message.

    Args:
        body: of an event, sparse or dense, or an entity of the fold's state.

    Returns:
        None if it answers no question of this rubric, or not in the way that the question has now.
    """
    name, fields = body
    if name == COMPARE_MESSAGES:
        return _ranking_of(rubric, fields)
    if name == ADD_MESSAGE:
        written = rubric.question((fields.get("metadata") or {}).get(QUESTION_KEY, ""))
        return (written.name, fields["content"]) if written and written.kind in WRITERS else None
    if name != UPDATE_MESSAGE:
        return None
    feedback = fields["feedback"]
    levels = ("answer", "prompt") if fields.get("message_id") else ("conversation", "prompt")
    for question in rubric.questions:
        fits = question.aspect == feedback["aspect"] and level_of(rubric, question) in levels
        if fits and VALUE_KINDS.get(question.kind) == feedback["kind"]:
            value = feedback.get("value")
            answer = None if value is None else _value_read(question, value[1])
            return None if value is not None and answer is None else (question.name, answer)
    return None


def origin_of(body: NamedBody) -> AnswerOrigin | None:
    """The review that a body comes from. None if it comes from none, or is no reviewer's."""
    name, fields = body
    if name == ADD_MESSAGE:
        keys, rater = fields.get("metadata") or {}, fields.get("author") or {}
        names = {"rubric": RUBRIC_KEY, "rubric_version": VERSION_KEY, "item_id": ITEM_KEY}
        said = {name: keys.get(key) for name, key in names.items()}
    elif name in (UPDATE_MESSAGE, COMPARE_MESSAGES, DECLINE_REVIEW):
        said = fields["feedback"] if name == UPDATE_MESSAGE else fields
        rater = said.get("rater") or {}
    else:
        return None
    rubric, item = said.get("rubric"), said.get("item_id")
    if rater.get("kind") != "reviewer" or not item or not rubric:
        return None
    shown = said.get("suggestion_shown")
    return AnswerOrigin(rubric, said.get("rubric_version") or "", item, rater.get("id") or "", shown)


def _value_read(question: RubricQuestion, value: Record) -> Any:
    """The answer in a value; None if the question has another scale or other labels by now."""
    if question.kind == "thumb":
        return bool(value["like"])
    if question.kind == "rating":
        on_scale = (value["minimum"], value["maximum"]) == (question.minimum, question.maximum)
        return int(value["number"]) if on_scale and value["number"] == int(value["number"]) else None
    if question.kind in ("label", "labels"):
        labels = [label for label in question.labels if label in value["labels"]]
        if len(labels) < len(value["labels"]) or (question.kind == "label" and len(labels) != 1):
            return None
        return labels[0] if question.kind == "label" else labels
    return value["content" if question.kind == "correction" else "text"]


def _ranking_of(rubric: Rubric, fields: Record) -> tuple[str, Any] | None:
    aspect = fields.get("aspect") or "preference"
    for question in rubric.questions:
        if question.kind == "ranking" and question.aspect == aspect:
            groups = [sorted(group) for group in fields.get("ranking") or ()]
            none_acceptable = bool(fields.get("none_acceptable", False))
            if not groups and not none_acceptable:
                return question.name, None
            return question.name, {"groups": groups, "none_acceptable": none_acceptable}
    return None
