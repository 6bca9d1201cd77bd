"""What of a conversation a reviewer sees for an item: a path of its tree, and what is judged. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from plaudit_schemas.review.rubric import MOST_RANKED
from plaudit_schemas.review.targets import ReviewTarget

Message = Mapping[str, Any]
"""A message as the state of a conversation has it, by the names of AddMessage's fields."""


@dataclass(frozen=True, slots=True)
class ItemContent:
    """The messages of an item.

    Attributes:
        path: from the root to what is judged: to the prompt for answers, without the answers.
        answer: the judged answer; None for other targets.
        candidates: the answers to compare, in the log's order.
        others: other answers to the same prompt; of a conversation, what lies off the path.
        siblings: message id -> how many others answer or follow the same message.
        tools: what the model could call, as the log has it.
        cut: whether long contents were shortened.
    """

    path: Sequence[Message]
    answer: Message | None = None
    candidates: Sequence[Message] = ()
    others: Sequence[Message] = ()
    siblings: Mapping[str, int] = ()  # type: ignore[assignment]  # an empty one
    tools: str | None = None
    cut: bool = False

    @property
    def prompt_id(self) -> str:
        """The id of what the answers answer; empty if nothing."""
        return str(self.path[-1]["message_id"]) if self.path else ""


def content_of(document: Mapping[str, Any], target: ReviewTarget) -> ItemContent | None:
    """The content of an item. None if the conversation lacks what is judged, for example after an expiry.

    Args:
        document: a conversation as `plaudit conversation --json` prints it, or an item's stored context.
    """
    tree = _Tree(document)
    made = _MAKERS[target.kind](tree, target)
    if made is None:
        return None
    return ItemContent(
        **made,
        siblings={each["message_id"]: tree.siblings(each) for each in made["path"]},
        tools=document.get("tools"),
        cut=bool(document.get("cut")),
    )


def shuffled(candidates: Sequence[Message], reviewer: str, item: str) -> list[Message]:
    """The candidates in the order for a reviewer, which is always the same for the same item."""
    return sorted(candidates, key=lambda each: _place(reviewer, item, each["message_id"]))


def _place(reviewer: str, item: str, message_id: str) -> bytes:
    return sha256(f"{reviewer}\0{item}\0{message_id}".encode()).digest()


class _Tree:
    def __init__(self, document: Mapping[str, Any]) -> None:
        messages = document.get("messages") or ()
        self.messages = sorted(messages, key=lambda each: int(each.get("n", 0)))
        self.by_id: dict[str, Message] = {each["message_id"]: each for each in self.messages}

    def path(self, message: Message) -> list[Message]:
        """From the root to a message. It ends at a parent that is missing, or that was met before."""
        upwards, met = [message], {message["message_id"]}
        while (above := self.by_id.get(upwards[-1].get("parent_id") or "")) is not None:
            if above["message_id"] in met:
                break
            met.add(above["message_id"])
            upwards.append(above)
        return upwards[::-1]

    def answers_to(self, message_id: str) -> list[Message]:
        return [
            each
            for each in self.messages
            if (each.get("parent_id") or "") == message_id and each["role"] == "assistant"
        ]

    def siblings(self, message: Message) -> int:
        parent = message.get("parent_id") or ""
        return len([each for each in self.messages if (each.get("parent_id") or "") == parent]) - 1


def _answer(tree: _Tree, target: ReviewTarget) -> dict[str, Any] | None:
    answer = tree.by_id.get(target.message_id)
    if answer is None:
        return None
    others = [each for each in tree.answers_to(answer.get("parent_id") or "") if each is not answer]
    return {"path": tree.path(answer)[:-1], "answer": answer, "others": others}


def _prompt(tree: _Tree, target: ReviewTarget) -> dict[str, Any] | None:
    prompt = tree.by_id.get(target.message_id)
    return None if prompt is None else {"path": tree.path(prompt)}


def _answers(tree: _Tree, target: ReviewTarget) -> dict[str, Any] | None:
    complete = [each for each in tree.answers_to(target.message_id) if each.get("status") == "complete"]
    if len(complete) < 2:
        return None
    prompt = tree.by_id.get(target.message_id)
    path = [] if prompt is None else tree.path(prompt)
    return {"path": path, "candidates": complete[:MOST_RANKED], "others": complete[MOST_RANKED:]}


def _conversation(tree: _Tree, _target: ReviewTarget) -> dict[str, Any] | None:
    if not tree.messages:
        return None
    path = tree.path(tree.messages[-1])
    shown = {each["message_id"] for each in path}
    return {"path": path, "others": [each for each in tree.messages if each["message_id"] not in shown]}


def _topic(_tree: _Tree, _target: ReviewTarget) -> dict[str, Any]:
    return {"path": []}


_MAKERS = {
    "answer": _answer,
    "prompt": _prompt,
    "answers": _answers,
    "conversation": _conversation,
    "topic": _topic,
}
