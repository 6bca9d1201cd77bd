"""OpenAI's preference format: JSON lines of `{"input", "preferred_output", "non_preferred_output"}`."""

from typing import Any

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import expect, json_file
from plaudit_producers.importers.messages import Messages, tools_of
from plaudit_producers.importers.sample import has_fields

_ANSWERS = ("preferred_output", "non_preferred_output")


def build_openai_preference(chat: Chat, record: Any) -> None:
    asked = expect(expect(record, dict, "a record")["input"], dict, "input")
    chat.identify(record.get("id"))
    chat.start(tools=tools_of(asked))
    messages = Messages(chat)
    messages.add(expect(asked["messages"], list, "input.messages"))
    better, worse = (expect(record[name], list, name) for name in _ANSWERS)
    messages.add_pair(better, worse)
    chat.end()


FORMAT = json_file(
    "openai-preference",
    build_openai_preference,
    help="OpenAI's preference format: input, preferred_output and non_preferred_output",
    recognises=has_fields("input", *_ANSWERS, confidence=0.9),
)
