"""What makes no sense in a rubric, though its fields fit the format. Pure.

Readers of published rubrics take them as they are; these checks are for `plaudit review check|publish`.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.yaml_places import Place
from plaudit_schemas.review.answers import VALUE_KINDS, WRITERS, level_of
from plaudit_schemas.review.rubric import MOST_PROMPTS, Rubric, RubricQuestion
from plaudit_schemas.review.rubric_aspects import aspect_problem
from plaudit_schemas.review.rubric_controls import control_problems


class RubricProblem(NamedTuple):
    """What is wrong, and where: keys and numbers of list entries."""

    place: Place
    text: str


_FIXED_LEVELS: Final = {
    "ranking": (None,),
    "correction": (None, "answer"),
    "demonstration": (None, "prompt"),
    "prompt": (None, "prompt"),
}
_OF_ANSWERS: Final = ("unsure", "disliked", "disagreement")
_TURNS: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows, so that text shows as another than it is."""


def problems_of(rubric: Rubric, aspects: Aspects | None = None) -> list[RubricProblem]:
    """All that is wrong with a rubric; empty if nothing is.

    Args:
        aspects: those that are declared; None or none looks at no aspects.
    """
    found = [*_text_problems(rubric), *_question_problems(rubric), *_target_problems(rubric)]
    found += [RubricProblem(("controls", "items", *place), text) for place, text in control_problems(rubric)]
    found += _selection_problems(rubric)
    if aspects is not None and aspects.declared(rubric.application):
        found += _aspect_problems(rubric, aspects)
    return found


def notes_of(rubric: Rubric) -> list[str]:
    """What is allowed and may still be a mistake, as sentences."""
    select = rubric.select
    chosen = (select.random, select.unsure, select.disliked, select.disagreement, select.everything)
    notes = []
    if rubric.target != "topic" and not any(chosen):
        notes.append("nothing is selected, so only what people send to its queue is reviewed")
    if select.everything and select.random:
        notes.append("everything is selected; random only marks which items are the random share")
    if not rubric.guidelines.strip():
        notes.append("it has no guidelines")
    if rubric.overlap == 1 and rubric.controls is None and rubric.target != "topic":
        notes.append("with overlap 1 and without controls nothing tells how well reviewers agree")
    return notes


def _text_problems(rubric: Rubric) -> Iterator[RubricProblem]:
    lines: list[tuple[Place, str]] = [(("title",), rubric.title)]
    words: list[tuple[Place, str]] = []
    for number, question in enumerate(rubric.questions):
        lines.append((("questions", number, "title"), question.title))
        words.append((("questions", number, "aspect"), question.aspect))
        words += [(("questions", number, "labels", at), label) for at, label in enumerate(question.labels)]
    words += [(("topics", number, "name"), topic.name) for number, topic in enumerate(rubric.topics)]
    words += [(("reviewers", "people", at), name) for at, name in enumerate(rubric.reviewers.people)]
    for place, text in [*lines, *words]:
        if any(char in _TURNS or unicodedata.category(char) == "Cc" for char in text):
            yield RubricProblem(place, "holds characters that cannot be shown, or that turn its direction")
    for place, text in words:
        if text != text.strip():
            yield RubricProblem(place, "must not have blanks at its ends")
    for place, text in lines:
        if not text.strip():
            yield RubricProblem(place, "is empty")


def _question_problems(rubric: Rubric) -> Iterator[RubricProblem]:
    known: dict[tuple[str, str, str], str] = {}
    for number, question in enumerate(rubric.questions):
        place: Place = ("questions", number)
        if question.about not in _FIXED_LEVELS.get(question.kind, (question.about,)):
            yield RubricProblem((*place, "about"), f"is not for the kind {question.kind}; leave it out")
        for key in _slots(rubric, question):
            other = known.setdefault(key, question.name)
            if other != question.name:
                yield RubricProblem(place, _same_text(question, other, key[1]))
                break


def _slots(rubric: Rubric, question: RubricQuestion) -> list[tuple[str, str, str]]:
    """Where the answers of a question go. Two questions with one in common could not be told apart."""
    kind = VALUE_KINDS.get(question.kind, question.kind)
    if kind in WRITERS:
        return [("", kind, "")]
    if kind == "ranking":
        return [(question.aspect, kind, "")]
    level = level_of(rubric, question)
    # Of an answer without a prompt, what is said about the prompt is said about the conversation.
    places = {"answer": ["message"], "conversation": ["conversation"]}.get(level, ["message", "conversation"])
    return [(question.aspect, kind, place) for place in places]


def _same_text(question: RubricQuestion, other: str, kind: str) -> str:
    if kind in WRITERS:
        return f"{question.name} and {other} both ask for a {kind}; one is allowed"
    return (
        f"{question.name} and {other} would be the same feedback (aspect {question.aspect}, {kind}); give "
        "one of them another aspect"
    )


def _target_problems(rubric: Rubric) -> Iterator[RubricProblem]:
    kinds = [question.kind for question in rubric.questions]
    if rubric.target == "answers" and "correction" in kinds and "ranking" not in kinds:
        yield RubricProblem(
            ("questions", kinds.index("correction")),
            "the best ranked answer is corrected, so a question of kind ranking is needed, too",
        )
    if rubric.target == "topic" and kinds.count("prompt") != 1:
        yield RubricProblem(("questions",), "the target topic needs one question of kind prompt")
    if rubric.target == "topic" and any(
        question.kind == "prompt" and not question.required for question in rubric.questions
    ):
        yield RubricProblem(("questions", kinds.index("prompt"), "required"), "a prompt must be required")
    names = [topic.name for topic in rubric.topics]
    for number, name in enumerate(names):
        if name in names[:number]:
            yield RubricProblem(("topics", number), f"{name} is named twice")
    total = sum(topic.prompts for topic in rubric.topics)
    if total > MOST_PROMPTS:
        yield RubricProblem(("topics",), f"ask for {total} prompts; {MOST_PROMPTS} are allowed")
    if not rubric.reviewers.roles:
        yield RubricProblem(
            ("reviewers", "roles"), "is empty, so nobody may review; write one or leave it out"
        )


def _selection_problems(rubric: Rubric) -> Iterator[RubricProblem]:
    select = rubric.select
    if rubric.target == "topic":
        if select != type(select)():
            yield RubricProblem(("select",), "is not for the target topic, whose items are its topics")
        return
    for name in _OF_ANSWERS if rubric.target == "prompt" else ():
        if getattr(select, name):
            yield RubricProblem(("select", name), "is about answers, and the target is prompt")
    for name, allowed in (("variants", select.filter.variants), ("tags", select.filter.tags)):
        for key, values in allowed.items():
            if not values:
                yield RubricProblem(
                    ("select", "filter", name, key), "is empty; name a value, or leave it out"
                )


def _aspect_problems(rubric: Rubric, aspects: Aspects) -> Iterable[RubricProblem]:
    for number, question in enumerate(rubric.questions):
        text = aspect_problem(rubric, question, aspects)
        if text is not None:
            yield RubricProblem(("questions", number), text)
    unsure = rubric.select.unsure
    if unsure is not None and not aspects.knows(rubric.application, unsure.aspect):
        nearest = aspects.nearest(rubric.application, unsure.aspect)
        hint = f"; did you mean {nearest}?" if nearest else ""
        text = f"{unsure.aspect} is not declared for application {rubric.application}{hint}"
        yield RubricProblem(("select", "unsure", "aspect"), text)
