"""Rubrics of each target, items of them, and answers that may be given."""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from plaudit_schemas.review.answers import ItemAddress
from plaudit_schemas.review.rubric import Rubric, RubricQuestion
from plaudit_schemas.review.targets import ReviewTarget, item_id

THUMB = {"name": "fine", "kind": "thumb", "title": "Is it fine?"}
RATING = {"name": "helpful", "kind": "rating", "title": "How much does it help?", "minimum": 0, "maximum": 4}
LABEL = {"name": "correct", "kind": "label", "title": "Is it correct?", "labels": ["correct", "incorrect"]}
LABELS = {"name": "faults", "kind": "labels", "title": "What is wrong?", "labels": ["long", "rude", "طويل"]}
TEXT = {"name": "remark", "kind": "text", "title": "What else?"}
CORRECTION = {"name": "better", "kind": "correction", "title": "What should it say?"}
RANKING = {"name": "best", "kind": "ranking", "title": "Which is best?"}
OF_PROMPT = {**THUMB, "name": "clear", "about": "prompt"}
OF_CHAT = {**RATING, "name": "useful", "about": "conversation", "aspect": "helpful"}

QUESTIONS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "answer": (THUMB, RATING, LABEL, LABELS, TEXT, CORRECTION, OF_PROMPT, OF_CHAT),
    "prompt": (THUMB, RATING, LABEL, LABELS, TEXT, {**TEXT, "name": "answer", "kind": "demonstration"}),
    "conversation": (THUMB, RATING, LABEL, LABELS, TEXT),
    "answers": (RANKING, THUMB, RATING, LABEL, LABELS, TEXT, CORRECTION),
    "topic": (LABEL, {**TEXT, "name": "message", "kind": "prompt"}, LABELS, TEXT),
}


def rubric_fields(target: str = "answer", *questions: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """The fields of a rubric's file: version 1 for application `app`, with a question of each kind unless
    some are given. A field of None is left out."""
    document = {
        "name": "quality",
        "version": "1",
        "application": "app",
        "title": "Is it good?",
        "target": target,
        "questions": [dict(question) for question in questions or QUESTIONS[target]],
        **fields,
    }
    return {key: value for key, value in document.items() if value is not None}


def rubric(target: str = "answer", *questions: Mapping[str, Any], **fields: Any) -> Rubric:
    """A rubric of `rubric_fields`; for the target topic it has a topic."""
    topics = [{"name": "cooking", "prompts": 3}] if target == "topic" else []
    return Rubric.model_validate(rubric_fields(target, *questions, **{"topics": topics, **fields}))


def optional(made: Rubric) -> Rubric:
    """The same rubric, of which no question must be answered."""
    questions = tuple(each.model_copy(update={"required": False}) for each in made.questions)
    return made.model_copy(update={"questions": questions})


def address(made: Rubric, *candidates: str, message: str = "m-2", prompt: str = "m-1") -> ItemAddress:
    """An item of a rubric."""
    place = {"conversation": ("c", ""), "topic": ("", "cooking#2")}.get(made.target, ("c", message))
    target = ReviewTarget(made.target, *place)
    return ItemAddress(item_id(made.application, made.name, target), target, prompt, candidates)


def answers_to(question: RubricQuestion, candidates: Sequence[str]) -> st.SearchStrategy[Any]:
    """Answers that may be given to a question."""
    if question.kind == "thumb":
        return st.booleans()
    if question.kind == "rating":
        return st.integers(question.minimum, question.maximum)
    if question.kind == "label":
        return st.sampled_from(question.labels)
    if question.kind == "labels":
        return st.lists(st.sampled_from(question.labels), min_size=1, unique=True)
    if question.kind == "ranking":
        return st.one_of(
            st.just({"groups": [], "none_acceptable": True}),
            st.builds(_ranking, st.permutations(candidates), st.integers(0, 127), st.booleans()),
        )
    return st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda text: text.strip())


def _ranking(order: Sequence[str], breaks: int, none_acceptable: bool) -> dict[str, Any]:
    """A ranking in this order, with a new group at each bit that is set."""
    groups: list[list[str]] = [[]]
    for number, one in enumerate(order):
        if number and breaks >> number & 1:
            groups.append([])
        groups[-1].append(one)
    return {"groups": groups, "none_acceptable": none_acceptable}
