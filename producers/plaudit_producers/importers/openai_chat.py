"""OpenAI's chat format, as used for fine-tuning: JSON lines of `{"messages": [{"role", "content", ...}]}`."""

from typing import Any

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect, json_file
from plaudit_producers.importers.labels import add_label
from plaudit_producers.importers.messages import Messages, tools_of
from plaudit_producers.importers.sample import Recognised, Sample


def build_openai_chat(chat: Chat, record: Any) -> None:
    messages = expect(expect(record, dict, "a record")["messages"], list, "messages")
    tags = {name: as_text(value) for name, value in (record.get("metadata") or {}).items()}
    if record.get("id") is not None:
        tags["original_id"] = as_text(record["id"])
    chat.identify(record.get("id"))
    chat.start(model=record.get("model"), user_id=record.get("user"), tools=tools_of(record), tags=tags)
    answer = Messages(chat).add(messages)
    if answer:
        add_label(chat, record, answer)
    chat.end()


def recognise(sample: Sample) -> Recognised | None:
    for record in sample.objects or [{}]:
        messages = record.get("messages")
        if not isinstance(messages, list) or not all(
            isinstance(message, dict) and "role" in message for message in messages
        ):
            return None
    return Recognised(0.5, "its records have messages with roles")


FORMAT = json_file(
    "openai-chat",
    build_openai_chat,
    help="OpenAI's chat format: JSON lines of messages",
    recognises=recognise,
)
