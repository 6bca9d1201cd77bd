"""What a model is given of a conversation: the turns from its root to the answer."""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal, NamedTuple

InputKind = Literal["answer", "exchange", "history"]


class ToolUse(NamedTuple):
    """A call of a tool; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


class Turn(NamedTuple):
    """One message on the path from the root of a conversation to an answer."""

    role: str
    content: str
    reasoning: str | None = None
    tool_calls: Sequence[ToolUse] = ()
    tool_call_id: str | None = None


Turns = Sequence[Turn]
"""The turns from the root to the answer, which is the last one."""

BETWEEN: Final = "\n\n"
"""Stands between the prompt and the answer of an exchange."""


def answer_text(turns: Turns) -> str:
    """The input of kind `answer`."""
    return turns[-1].content


def exchange_text(turns: Turns) -> str:
    """The input of kind `exchange`: the last turn of a user and the answer. Without one, the answer."""
    prompt = next((turn.content for turn in reversed(turns[:-1]) if turn.role == "user"), None)
    return turns[-1].content if prompt is None else prompt + BETWEEN + turns[-1].content


def template_messages(turns: Turns) -> list[dict[str, Any]]:
    """The turns as chat templates read them. A key that does not apply is not there."""
    return [_template_message(turn) for turn in turns]


def _template_message(turn: Turn) -> dict[str, Any]:
    # Templates concatenate the content without asking whether it is there.
    made: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if turn.reasoning is not None:
        made["reasoning_content"] = turn.reasoning
    if turn.tool_calls:
        made["tool_calls"] = [_template_call(call) for call in turn.tool_calls]
    if turn.tool_call_id is not None:
        made["tool_call_id"] = turn.tool_call_id
    return made


def _template_call(call: ToolUse) -> dict[str, Any]:
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        arguments = call.arguments  # what the chat's model wrote, valid or not
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}
