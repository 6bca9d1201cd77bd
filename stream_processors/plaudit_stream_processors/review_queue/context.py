"""What reviewers see of an item's conversation where the live one has expired. Pure."""

from collections.abc import Iterable
from typing import Any, Final

import orjson
from plaudit_schemas.review.targets import ReviewTarget

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.review_queue.seen import complete_answers, messages_of_target

Entity = dict[str, Any]

LARGEST_BYTES: Final = 256 * 1024
_LONG_TEXTS: Final = ("content", "reasoning")
_SHORTEST: Final = 200  # characters that every text keeps at each end
_LEFT_OUT: Final = " [...] "
_SHOWN: Final = (
    "message_id", "parent_id", "role", "content", "reasoning", "tool_calls", "tool_call_id", "attachments",
    "model", "variants", "status", "author", "metadata", "occurred_at", "completed_ms", "n",
)  # fmt: skip
"""Fields of a message that people may see; the others are the fold's."""


def context_of(state: ConversationState, target: ReviewTarget, largest: int = LARGEST_BYTES) -> bytes:
    """The part of a conversation that an item needs, as JSON: the path from the root, siblings, tools.

    The longest texts are cut in the middle until all of it has `largest` bytes; `cut` says so, of the whole
    and of each message. A conversation of very many messages loses the oldest of them too.
    """
    shown = [
        {name: message[name] for name in _SHOWN if name in message}
        for message in sorted(_needed(state, target), key=lambda one: int(one["n"]))
    ]
    document: dict[str, Any] = {"conversation_id": state.conversation_id, "messages": shown}
    if "tools" in state.facts:
        document["tools"] = state.facts["tools"]
    scores = _scores(state, target)
    if scores:
        document["feedback"] = scores
    return _within(document, largest)


def _needed(state: ConversationState, target: ReviewTarget) -> list[Entity]:
    if target.kind == "conversation":
        return list(state.messages.values())
    found: dict[str, Entity] = {}
    start = target.message_id
    for message in messages_of_target(state, target):
        found[message["message_id"]] = message
    top = state.messages.get(start)
    if target.kind == "answer" and top is not None:
        for sibling in complete_answers(state, top["parent_id"]):
            found[sibling] = state.messages[sibling]
    on_path: set[str] = set()
    while top is not None and top["message_id"] not in on_path:  # parents may name each other
        on_path.add(top["message_id"])
        found[top["message_id"]] = top
        top = state.messages.get(top["parent_id"])
    return list(found.values())


def _scores(state: ConversationState, target: ReviewTarget) -> list[Entity]:
    """What models say of the target's message, or of the whole conversation."""
    about = "" if target.kind in ("conversation", "answers") else target.message_id
    slots = (state.feedback[slot] for slot in state.slots_of.get(about, ()))
    return [
        {"message_id": slot["message_id"], "feedback": slot["feedback"]}
        for slot in slots
        if slot["feedback"]["rater"]["kind"] == "model" and "value" in slot["feedback"]
    ]


def _within(document: dict[str, Any], largest: int) -> bytes:
    text = orjson.dumps(document)
    limit = 64 * 1024  # characters of a text; halved until it fits
    while len(text) > largest and limit >= _SHORTEST:
        document["cut"] = True
        _cut_texts(document["messages"], limit)
        if len(document.get("tools", "")) > limit:
            document["tools"] = document["tools"][:limit]
        limit //= 2
        text = orjson.dumps(document)
    while len(text) > largest and document["messages"]:
        document["messages"] = document["messages"][len(document["messages"]) // 2 + 1 :]
        text = orjson.dumps(document)
    return text


def _cut_texts(messages: Iterable[Entity], limit: int) -> None:
    for message in messages:
        for name in _LONG_TEXTS:
            if len(message.get(name) or "") > limit:
                message[name] = message[name][: limit // 2] + _LEFT_OUT + message[name][-(limit // 2) :]
                message["cut"] = True
        for part in ("tool_calls", "attachments", "metadata"):
            if part in message and len(orjson.dumps(message[part])) > limit:
                message[part] = {} if part == "metadata" else []
                message["cut"] = True
