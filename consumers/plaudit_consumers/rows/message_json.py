"""Messages of chats with tools as JSON text, in the form that TRL documents. Pure."""

import json
from collections.abc import Mapping
from typing import Any


def message_json(message: Mapping[str, Any]) -> str:
    """A message with only the keys that apply to it.

    A struct would have every key and fill in nulls. Templates ask whether a key is there, as in
    `'tool_calls' in message`, and then fail on the null, or show it as "None".

    Args:
        message: one of UNIT_MESSAGE.
    """
    made = {"role": message["role"]}
    if message["content"] is not None:
        made["content"] = message["content"]
    if message["tool_calls"]:
        made["tool_calls"] = [_call(call) for call in message["tool_calls"]]
    if message["tool_call_id"] is not None:
        made["tool_call_id"] = message["tool_call_id"]
    return json.dumps(made, ensure_ascii=False, separators=(",", ":"))


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.loads(call["arguments"])}
    return {"id": call["id"], "type": "function", "function": function}
