"""The turns of a judged row of a snapshot, and which rows belong together. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from plaudit_schemas.models.inputs import ToolUse, Turn

from plaudit_consumers.datasets.reading import read_message

SATISFACTION: Final = "satisfaction"


def turns_of(messages: Iterable[Mapping[str, Any] | str]) -> tuple[Turn, ...]:
    """The turns of a column of messages."""
    return tuple(_turn(read_message(message)) for message in messages)


def question_group(prompt: Sequence[Turn]) -> bytes:
    """The group of a row: rows whose chats begin with the same question are not independent.

    It is the first turn of a user, because chats of one application often begin with the same system prompt.
    """
    begin = next((turn for turn in prompt if turn.role == "user"), prompt[0] if prompt else Turn("", ""))
    return hashlib.sha256(begin.content.encode("utf-8", "surrogatepass")).digest()


def aspect_of_scores(aspect: str | None) -> str:
    """The aspect that a scorer judges which learned from rows on an aspect.

    Comparisons that name none are about `preference`, but nobody rates one answer so, and scores are compared
    with ratings of the same aspect. Demonstrations and corrections have no aspect.
    """
    return SATISFACTION if aspect in (None, "preference") else aspect


def _turn(message: Mapping[str, Any]) -> Turn:
    calls = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") or call
        calls.append(ToolUse(call.get("id") or "", function["name"], _text(function.get("arguments"))))
    return Turn(
        message["role"],
        message.get("content") or "",
        message.get("reasoning_content"),
        tuple(calls),
        message.get("tool_call_id"),
    )


def _text(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
