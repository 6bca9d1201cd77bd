"""What models say of an item, for reviewers whose rubric shows it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.review.answers import VALUE_KINDS
from plaudit_schemas.review.changes import Reason
from plaudit_schemas.review.rubric import Rubric

_BLIND: Final[frozenset[Reason]] = frozenset(("random", "control"))


class Suggestion(NamedTuple):
    """What a model would answer to a question.

    Attributes:
        agent: the rater id of the model.
        message_id: what it judged.
        value: in the form of an answer; a number is on the model's own scale.
        text: the value in words.
    """

    question: str
    agent: str
    message_id: str
    value: Any
    text: str


def may_suggest(rubric: Rubric, reasons: Sequence[Reason]) -> bool:
    """Whether reviewers may see what models say: never of items that are to measure the models."""
    return rubric.show_suggestions and _BLIND.isdisjoint(reasons)


def suggestions_of(
    rubric: Rubric, feedback: Sequence[Mapping[str, Any]], judged: Sequence[str]
) -> Iterator[Suggestion]:
    """What models said of messages, for the questions of a rubric.

    Args:
        feedback: that of the conversation's state.
        judged: ids of the messages that the item asks about.
    """
    for slot in feedback:
        said, message_id = slot["feedback"], slot.get("message_id") or ""
        if said["rater"].get("kind") != "model" or said.get("value") is None or message_id not in judged:
            continue
        for question in rubric.questions:
            if question.aspect == said["aspect"] and VALUE_KINDS.get(question.kind) == said["kind"]:
                value, text = _read(said["kind"], said["value"][1])
                yield Suggestion(question.name, said["rater"].get("id") or "", message_id, value, text)


def _read(kind: str, value: Mapping[str, Any]) -> tuple[Any, str]:
    if kind == "thumb":
        return value["like"], "good" if value["like"] else "bad"
    if kind == "number":
        scale = f"{value['number']:.3g} ({value['minimum']:g} to {value['maximum']:g})"
        return value["number"], scale
    if kind == "label":
        return list(value["labels"]), ", ".join(value["labels"])
    text = str(value.get("content", value.get("text", "")))
    return text, text
