"""Messages as traces and battles hold them: in the forms of OpenAI, of Anthropic's blocks, and of LangChain.

LangChain's are those of `messages_to_dict` (type, data), of `dumpd` (lc, id, kwargs), and plain ones (type,
content).
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_schemas.contract.events import Attachment, ToolCall

from plaudit_producers.importers.branches import BranchTurn
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect

_ROLES: Final = {
    "user": "user", "human": "user", "HumanMessage": "user", "HumanMessageChunk": "user",
    "assistant": "assistant", "ai": "assistant", "model": "assistant", "AIMessage": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system", "developer": "system", "SystemMessage": "system",
    "tool": "tool", "function": "tool", "ToolMessage": "tool", "FunctionMessage": "tool",
}  # fmt: skip
_TEXT_TYPES: Final = ("text", "input_text", "output_text", "refusal")
_THOUGHT_TYPES: Final = ("thinking", "reasoning")


def turn_of(chat: Chat, message: Any) -> BranchTurn:
    """Read one message, with its tool calls and images. An image within the record is left out, with a note.

    Raises:
        ValueError: it is no message, or its content does not fit into an event.
    """
    if isinstance(message, str):
        return BranchTurn("user", message)
    if isinstance(message, list) and len(message) == 2 and isinstance(message[0], str):  # LangChain's pairs
        message = {"role": message[0], "content": message[1]}
    given, role = _unwrap(expect(message, dict, "a message"))
    if role not in _ROLES:
        raise ValueError(f"role must be one of {', '.join(_ROLES)}, not {role!r}")
    fields: dict[str, Any] = {}
    text, thoughts, attachments = _split(chat, given.get("content"))
    calls = list(_calls_of(chat, given))
    if calls:
        fields["tool_calls"] = calls
    if attachments:
        fields["attachments"] = attachments
    if thoughts or given.get("reasoning_content"):
        fields["reasoning"] = thoughts or given["reasoning_content"]
    if given.get("tool_call_id") is not None:
        fields["tool_call_id"] = given["tool_call_id"]
    if given.get("name"):
        fields["metadata"] = {"name": as_text(given["name"])}
    if text is None and (calls or attachments or given.get("refusal")):
        text = given.get("refusal") or ""
    return BranchTurn(_ROLES[role], text, fields)  # type: ignore[arg-type]  # the chat says which message has no content


def turns_of(chat: Chat, messages: Any) -> list[BranchTurn]:
    """Read a list of messages, or the single list within a list that LangChain makes of a batch of one."""
    if isinstance(messages, list) and len(messages) == 1 and isinstance(messages[0], list):
        inner = messages[0]
        if not (len(inner) == 2 and isinstance(inner[0], str)):
            messages = inner
    return [turn_of(chat, message) for message in expect(messages, list, "messages")]


def is_message(value: Any) -> bool:
    """Whether a value looks like a message."""
    return (
        isinstance(value, dict)
        and ("content" in value or "kwargs" in value or "data" in value)
        and bool(value.keys() & {"role", "type", "lc"})
    )


def _unwrap(message: Mapping[str, Any]) -> tuple[Mapping[str, Any], Any]:
    if isinstance(message.get("kwargs"), dict):
        path = message.get("id") or [""]
        inner = message["kwargs"]
        for constant in ("lc", "type"):
            message.get(constant)
        return inner, path[-1] if path[-1] in _ROLES else inner.get("type")
    if isinstance(message.get("data"), dict) and "content" not in message:
        return message["data"], message.get("type")
    return message, message.get("role") or message.get("type")


def _split(chat: Chat, content: Any) -> tuple[str | None, str, list[Attachment]]:
    """Split content into text, reasoning and attachments. The texts of parts are joined as they are."""
    if content is None or isinstance(content, str):
        return content, "", []
    texts, thoughts, attachments = [], [], []
    for part in expect(content, list, "content"):
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type")
        if kind in _TEXT_TYPES:
            texts.append(part["refusal"] if kind == "refusal" else part["text"])
        elif kind in _THOUGHT_TYPES:
            thoughts.append(as_text(part.get("thinking") or part.get("reasoning") or ""))
        elif kind == "image_url":
            image = part["image_url"]
            attachments += attachment_of(chat, image if isinstance(image, str) else image["url"])
        elif kind == "image":
            attachments += attachment_of(
                chat,
                as_text(part.get("image") or part.get("url") or part.get("source")),
                part.get("mimeType"),
            )
        elif kind != "tool_use":  # those are calls
            raise ValueError(f"content of type {kind!r} does not fit into an event; send it by reference")
    # No part at all is no content. Parts that are no text leave an empty one.
    return ("".join(texts) if content else None), "\n".join(thoughts), attachments


def attachment_of(chat: Chat, uri: str, media_type: str | None = None) -> list[Attachment]:
    """Return an attachment, or none and a note if it lies within the record, where it does not fit."""
    if uri.startswith(("data:", "{")):
        chat.note(
            "an image within the record does not fit into an event and is left out; send it by reference"
        )
        return []
    return [Attachment(uri=uri, media_type=media_type)]


def _calls_of(chat: Chat, message: Mapping[str, Any]) -> Iterator[ToolCall]:
    calls = message.get("tool_calls") or (message.get("additional_kwargs") or {}).get("tool_calls") or []
    if not calls and isinstance(message.get("content"), list):
        calls = [
            part for part in message["content"] if isinstance(part, dict) and part.get("type") == "tool_use"
        ]
    if message.get("function_call"):
        calls = [*calls, {"function": message["function_call"]}]
    for call in calls:
        function = call.get("function") or call
        named = (function.get(key) for key in ("arguments", "args", "input"))
        arguments = next((each for each in named if each is not None), "")
        call_id = call.get("id") or chat.new_call_id()
        yield ToolCall(id=call_id, name=function["name"], arguments=as_text(arguments))
