"""ShareGPT: records of `{"conversations": [{"from", "value"}]}`, as a JSON array or as JSON lines."""

import json
from typing import Any

from plaudit_schemas.contract.events import ToolCall

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect, json_file

_ROLES = {
    "human": "user", "user": "user",
    "gpt": "assistant", "assistant": "assistant", "chatgpt": "assistant", "bing": "assistant",
    "bard": "assistant", "claude": "assistant", "model": "assistant",
    "system": "system",
    "observation": "tool", "tool": "tool", "function_response": "tool",
    "function_call": "assistant", "tool_call": "assistant",
}  # fmt: skip
_CALLS = ("function_call", "tool_call")


def build_sharegpt(chat: Chat, record: dict[str, Any]) -> None:
    turns = expect(expect(record, dict, "a record")["conversations"], list, "conversations")
    tools = record.get("tools")
    chat.start(
        model=record.get("model"),
        tools=as_text(tools) if tools else None,
        tags={"original_id": as_text(record["id"])} if record.get("id") is not None else {},
    )
    if record.get("system"):
        chat.add_message("system", record["system"])
    call_id = None
    for turn in turns:
        call_id = _add_turn(chat, turn, call_id)
    if "chosen" in record:  # preference data: two answers to the last turn
        chat.compare_answers([_text_of(record["chosen"]), _text_of(record["rejected"])])
    chat.end()


def _add_turn(chat: Chat, turn: dict[str, Any], call_id: str | None) -> str | None:
    """Add a turn. Returns the id of the last tool call so far, which a tool's answer must refer to."""
    speaker, text = turn["from"], turn["value"]
    if speaker not in _ROLES:
        raise ValueError(f"from must be one of {', '.join(_ROLES)}, not {speaker!r}")
    role = _ROLES[speaker]
    if speaker in _CALLS:
        call = json.loads(text)
        # The format has no ids of calls, so one is derived from the message before.
        call_id = f"call-after-{chat.last or 'start'}"
        made = ToolCall(id=call_id, name=call["name"], arguments=as_text(call["arguments"]))
        chat.add_message(role, "", tool_calls=[made])
        return call_id
    chat.add_message(role, text, tool_call_id=call_id if role == "tool" else None)
    return call_id


def _text_of(turn: dict[str, str] | str) -> str:
    return turn if isinstance(turn, str) else turn["value"]


FORMAT = json_file(
    "sharegpt", build_sharegpt, help="ShareGPT: records of conversations, each turn with from and value"
)
