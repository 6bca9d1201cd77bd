"""Reads chat messages, in OpenAI's shape, as turns. Pure."""

import json
from typing import Any, Final

from plaudit_schemas.models.inputs import ToolUse, Turn

_ROLES: Final = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "assistant": "assistant",
    "gpt": "assistant", "tool": "tool",
}  # fmt: skip


def require(condition: bool, problem: str) -> None:
    """Raise ValueError with this text unless the condition holds."""
    if not condition:
        raise ValueError(problem)


def read_turns(value: Any, field: str) -> tuple[Turn, ...]:
    """The turns of a field that holds messages, or the text of one message of the user.

    Raises:
        ValueError: it holds neither, or no message.
    """
    if isinstance(value, str):
        return (Turn("user", value),)
    require(isinstance(value, list), f"{field} is neither a text nor a list of messages")
    require(bool(value), f"{field} holds no message")
    return tuple(map(read_turn, value))


def read_turn(message: Any) -> Turn:
    """The turn of a message.

    Raises:
        ValueError: it is no message.
    """
    require(isinstance(message, dict), "a message is not an object")
    given = message.get("role", message.get("from"))
    role = _ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        raise ValueError(f"the role {given!r} is not one of {', '.join(_ROLES)}")
    calls = tuple(map(_call, message.get("tool_calls") or ()))
    content = message.get("content", message.get("value"))
    if content is None and not calls:
        raise ValueError(f"a message of the {role} has no content")
    reasoning = message.get("reasoning_content", message.get("reasoning"))
    require(reasoning is None or isinstance(reasoning, str), "the reasoning of a message is not a text")
    return Turn(role, _text(content), reasoning, calls, message.get("tool_call_id"))


def _text(content: Any) -> str:
    """The text of a content that is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return content or ""
    if isinstance(content, list) and all(_is_text_part(part) for part in content):
        return "".join(part["text"] for part in content)
    raise ValueError("a content is neither a text nor a list of parts that are all text")


def _is_text_part(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type", "text") == "text" and isinstance(part.get("text"), str)


def _call(call: Any) -> ToolUse:
    function = call.get("function", call) if isinstance(call, dict) else {}
    require(isinstance(function, dict) and isinstance(function.get("name"), str), "a tool call has no name")
    arguments = function.get("arguments", "")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return ToolUse(str(call.get("id") or ""), function["name"], text)
