"""What a reviewer is shown of an item in another tool: the texts, and what models suggest. Pure."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.selection import SeenMessage, candidates_of, target_of
from plaudit_schemas.review.targets import ReviewTarget, item_id

from plaudit_producers.interchange.carried import CarriedItem, carried_item
from plaudit_producers.interchange.documents import Document
from plaudit_producers.interchange.suggestions import ModelSuggestion, suggestions_of

NOTHING_BEFORE: Final = "(nothing was said before)"
Messages = Mapping[str, Mapping[str, Any]]


class ShownText(NamedTuple):
    """A message of the chat that leads to what is judged."""

    role: str
    text: str


class ReviewTask(NamedTuple):
    """An item, ready to be shown.

    Attributes:
        chat: what was said before; for a conversation all of it, for a prompt with the prompt.
        answers: the texts of what is judged, in the order of the candidates: one for the target `answer`, two
            to eight for `answers`, none for others.
        suggestions: one for each model; empty if the rubric hides them.
    """

    carried: CarriedItem
    chat: tuple[ShownText, ...]
    answers: tuple[str, ...]
    suggestions: tuple[ModelSuggestion, ...] = ()


def targets_in(rubric: Rubric, document: Document) -> list[ReviewTarget]:
    """All that a rubric's target names in a conversation, whatever the rubric selects."""
    found: dict[ReviewTarget, None] = {}
    messages = _messages(document)
    for name in messages:
        target = target_of(rubric, _seen(document, messages, name))
        if target is not None:
            found[target] = None
    return list(found)


def task_of(
    rubric: Rubric, document: Document, target: ReviewTarget, *, suggest: bool = True
) -> ReviewTask | None:
    """The task of a target. None if the conversation is erased, or has not what the target names.

    Args:
        suggest: whether suggestions may be shown. The rubric may hide them all the same.
    """
    messages = _messages(document)
    judged = None if document.get("erased") else _judged(rubric, document, messages, target)
    if judged is None:
        return None
    suggestions: tuple[ModelSuggestion, ...] = ()
    if suggest and rubric.show_suggestions:
        suggestions = suggestions_of(rubric, target, judged, document)
    above = _above(messages, target)
    carried = carried_item(
        rubric,
        target,
        prompt_id=above if target.kind == "answer" else "",
        candidates=judged if target.kind == "answers" else (),
        suggested=bool(suggestions),
    )
    shown = list(messages) if target.kind == "conversation" else _path(messages, above)
    chat = tuple(ShownText(messages[name]["role"], _text(messages[name])) for name in shown)
    answers = tuple(_text(messages[name]) for name in judged)
    return ReviewTask(carried, chat or (ShownText("note", NOTHING_BEFORE),), answers, suggestions)


def tasks_in(rubric: Rubric, document: Document) -> Iterator[ReviewTask]:
    """The tasks of all targets of a conversation."""
    for target in targets_in(rubric, document):
        task = task_of(rubric, document, target)
        if task is not None:
            yield task


def _judged(
    rubric: Rubric, document: Document, messages: Messages, target: ReviewTarget
) -> tuple[str, ...] | None:
    """The messages whose texts are judged; None if what the target names is not there."""
    if target.kind == "topic" or (target.message_id and target.message_id not in messages):
        return None
    if target.kind != "answers":
        return (target.message_id,) if target.kind == "answer" else ()
    answers = [
        name
        for name, message in messages.items()
        if _parent(message) == target.message_id and _is_complete_answer(message)
    ]
    if len(answers) < 2:
        return None
    # Sorted by a hash: a file may list the winner first. The order is the same in every export.
    item = item_id(rubric.application, rubric.name, target)
    first = candidates_of(_seen(document, messages, answers[0]))
    return tuple(sorted(first, key=lambda name: hashlib.sha256(f"{item}\0{name}".encode()).digest()))


def _messages(document: Document) -> Messages:
    return {message["message_id"]: message for message in document["messages"]}


def _seen(document: Document, messages: Messages, name: str) -> SeenMessage:
    message = messages[name]
    parent = _parent(message)
    siblings = tuple(
        each for each, one in messages.items() if _parent(one) == parent and _is_complete_answer(one)
    )
    status = message.get("status") or "complete"
    return SeenMessage(document["conversation_id"], name, message["role"], status, parent, siblings)


def _is_complete_answer(message: Mapping[str, Any]) -> bool:
    return message["role"] == "assistant" and (message.get("status") or "complete") == "complete"


def _above(messages: Messages, target: ReviewTarget) -> str:
    """The last message that is shown before what is judged."""
    return _parent(messages[target.message_id]) if target.kind == "answer" else target.message_id


def _parent(message: Mapping[str, Any]) -> str:
    return message.get("parent_id") or ""


def _path(messages: Messages, end: str) -> list[str]:
    """The messages from the root to `end`."""
    found: dict[str, None] = {}
    while end in messages and end not in found:
        found[end] = None
        end = _parent(messages[end])
    return list(reversed(found))


def _text(message: Mapping[str, Any]) -> str:
    calls = [f"{call['name']}({call['arguments']})" for call in message.get("tool_calls") or ()]
    return "\n".join(part for part in (message.get("content") or "", *calls) if part)
