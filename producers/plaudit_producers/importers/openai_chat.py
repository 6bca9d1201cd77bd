"""OpenAI's chat format, as used for fine-tuning: JSON lines of `{"messages": [{"role", "content", ...}]}`."""

from typing import Any

from plaudit_schemas.contract.events import Attachment, ToolCall

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect, json_file

_ROLES = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
    "function": "tool",
}  # fmt: skip
_KEPT = ("name", "weight", "refusal")


def build_openai_chat(chat: Chat, record: dict[str, Any]) -> None:
    messages = expect(expect(record, dict, "a record")["messages"], list, "messages")
    tools = record.get("tools") or record.get("functions")
    tags = {name: as_text(value) for name, value in (record.get("metadata") or {}).items()}
    if record.get("id") is not None:
        tags["original_id"] = as_text(record["id"])
    chat.start(
        model=record.get("model"),
        user_id=record.get("user"),
        tools=None if tools is None else as_text(tools),
        tags=tags,
    )
    for message in messages:
        _add_message(chat, expect(message, dict, "a message"))
    chat.end()


def _add_message(chat: Chat, message: dict[str, Any]) -> None:
    role = message["role"]
    if role not in _ROLES:
        raise ValueError(f"role must be one of {', '.join(_ROLES)}, not {role!r}")
    text, attachments = _split_content(message.get("content"))
    fields: dict[str, Any] = {}
    if attachments:
        fields["attachments"] = attachments
    if calls := _tool_calls_of(chat, message):
        fields["tool_calls"] = calls
    if message.get("tool_call_id") is not None:
        fields["tool_call_id"] = message["tool_call_id"]
    metadata = {name: as_text(message[name]) for name in _KEPT if message.get(name) is not None}
    if role == "developer":
        metadata["role"] = role  # events have no such role, so it is kept here
    if metadata:
        fields["metadata"] = metadata
    chat.add_message(_ROLES[role], text or message.get("refusal") or "", **fields)


def _split_content(content: Any) -> tuple[str, list[Attachment]]:
    """Split content into text and attachments. The texts of several parts are joined without a separator."""
    if content is None:
        return "", []
    if isinstance(content, str):
        return content, []
    texts, attachments = [], []
    for part in expect(content, list, "content"):
        if part["type"] == "text":
            texts.append(part["text"])
        elif part["type"] == "refusal":
            texts.append(part["refusal"])
        elif part["type"] == "image_url":
            attachments.append(_attachment_of(part["image_url"]))
        else:
            raise ValueError(
                f"content of type {part['type']!r} does not fit into an event; send it by reference"
            )
    return "".join(texts), attachments


def _attachment_of(image: dict[str, str] | str) -> Attachment:
    uri = image if isinstance(image, str) else image["url"]
    if uri.startswith("data:"):
        raise ValueError("an image within the record does not fit into an event; send it by reference")
    return Attachment(uri=uri)


def _tool_calls_of(chat: Chat, message: dict[str, Any]) -> list[ToolCall]:
    calls = [(call["id"], call["function"]) for call in message.get("tool_calls") or ()]
    if message.get("function_call"):  # the older form, before tool_calls; it has no id
        calls.append((f"call-after-{chat.last or 'start'}", message["function_call"]))
    return [
        ToolCall(id=call_id, name=function["name"], arguments=as_text(function["arguments"]))
        for call_id, function in calls
    ]


FORMAT = json_file("openai-chat", build_openai_chat, help="OpenAI's chat format: JSON lines of messages")
