"""The labelling configuration of a Label Studio project, made from a rubric. Pure.

Tags: labelstud.io/tags. A control has the name of its question; beside a ranking stands one for ties.
"""

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import quoteattr

from plaudit_schemas.errors import SettingsError
from plaudit_schemas.review.rubric import Rubric, RubricQuestion

from plaudit_producers.interchange.carried import free_name, tie_name

UP: Final = "thumb up"
DOWN: Final = "thumb down"
TIE: Final = "equally good"
NONE_ACCEPTABLE: Final = "none is acceptable"
CHAT: Final = "chat"
ANSWER: Final = "answer"
"""Begins the names of the texts that are judged: answer1, answer2, ..."""
ANSWERS: Final = "answers"
"""The list of the answers, where tasks have different numbers of them."""
COMMENT: Final = "comment"


def labelling_config(rubric: Rubric, *, pairs: bool) -> str:
    """The configuration, as XML.

    Args:
        pairs: of a rubric for several answers, whether every task has two: they then stand side by side.

    Raises:
        SettingsError: the rubric is for writing prompts, which needs no task.
    """
    if rubric.target == "topic":
        raise SettingsError(
            f"rubric {rubric.name} is for writing prompts by topic: write them on the console's page Review"
        )
    return "\n".join(["<View>", *(f"  {line}" for line in _lines(rubric, pairs=pairs)), "</View>", ""])


def _lines(rubric: Rubric, *, pairs: bool) -> Iterator[str]:
    yield "<Style>.lsf-richtext__line, .htx-text { white-space: pre-wrap }</Style>"
    yield _tag("Header", value=rubric.title)
    yield _tag("Paragraphs", name=CHAT, value=f"${CHAT}", layout="dialogue", nameKey="role", textKey="text")
    if rubric.target == "answer":
        yield from _answer_text(1)
    elif rubric.target == "answers" and pairs:
        yield from (line for number in (1, 2) for line in _answer_text(number))
    elif rubric.target == "answers":
        yield _tag("List", name=ANSWERS, value=f"${ANSWERS}", title="Answers")
    for question in rubric.questions:
        yield _tag("Header", value=question.title, size="5")
        if question.help:
            yield _tag("Header", value=question.help, size="6", underline="false")
        yield from _controls(rubric, question, pairs=pairs)
    yield _tag("Header", value="Comment", size="5")
    yield _tag("TextArea", name=comment_name(rubric), toName=CHAT, maxSubmissions="1", editable="true")


def comment_name(rubric: Rubric) -> str:
    """The control for a comment on the whole item."""
    return free_name(rubric, COMMENT)


def _answer_text(number: int) -> Iterator[str]:
    yield _tag("Header", value=f"Answer {number}", size="6")
    yield _tag("Text", name=f"{ANSWER}{number}", value=f"${ANSWER}{number}")


def _controls(rubric: Rubric, question: RubricQuestion, *, pairs: bool) -> Iterator[str]:
    name, required = question.name, "true" if question.required else "false"
    if question.kind == "ranking":
        if pairs:
            yield _tag("Pairwise", name=name, toName=f"{ANSWER}1,{ANSWER}2")
        else:
            yield _tag("Ranker", name=name, toName=ANSWERS)
        yield from _choices(tie_name(rubric, name), (TIE, NONE_ACCEPTABLE))
    elif question.kind == "thumb":
        yield from _choices(name, (UP, DOWN), required=required)
    elif question.kind == "rating" and question.minimum == 1:
        yield _tag("Rating", name=name, toName=CHAT, maxRating=str(question.maximum), required=required)
    elif question.kind == "rating":
        numbers = tuple(map(str, range(question.minimum, question.maximum + 1)))
        yield from _choices(name, numbers, required=required)
    elif question.kind in ("label", "labels"):
        choice = "multiple" if question.kind == "labels" else "single-radio"
        yield from _choices(name, question.labels, choice=choice, required=required)
    else:
        yield _text_area(rubric, question, required)


def _text_area(rubric: Rubric, question: RubricQuestion, required: str) -> str:
    # The answer is there to be changed; as it is, it counts as no correction.
    corrects = question.kind == "correction" and rubric.target == "answer"
    prefilled = f' value="${ANSWER}1"' if corrects else ""
    tag = _tag(
        "TextArea", name=question.name, toName=CHAT, rows="6", maxSubmissions="1", editable="true",
        required=required,
    )  # fmt: skip
    return tag.removesuffix("/>") + prefilled + "/>"


def _choices(
    name: str, values: tuple[str, ...], *, choice: str = "single-radio", required: str = "false"
) -> Iterator[str]:
    yield _tag("Choices", closed=False, name=name, toName=CHAT, choice=choice, required=required)
    yield from (f"  {_tag('Choice', value=value)}" for value in values)
    yield "</Choices>"


def _tag(tag: str, *, closed: bool = True, **attributes: str) -> str:
    written = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<{tag} {written}{'/' if closed else ''}>"
