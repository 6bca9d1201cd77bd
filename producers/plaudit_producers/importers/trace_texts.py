"""What a traced call was given and what it answered, as turns of a chat.

A trace holds any JSON there. Known are texts, messages and lists of them, the answers of OpenAI's client,
what LangChain records of a model, and objects with a field that is named like a question or an answer.
"""

import json
from typing import Any, Final

from plaudit_producers.importers.branches import BranchTurn
from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.chat_messages import is_message, turn_of, turns_of
from plaudit_producers.importers.json_scanner import parse_json
from plaudit_producers.importers.records import ReadRecord

_ASKED: Final = (
    "input",
    "question",
    "query",
    "prompt",
    "user_input",
    "text",
    "content",
    "message",
    "chat_history",
)
_KNOWN: Final = frozenset(("messages", "role", "choices", "generations", "prompts", "lc"))
"""Fields that tell an object of messages from a text that a person wrote as JSON."""

_ANSWERED: Final = (
    "output",
    "answer",
    "response",
    "result",
    "completion",
    "text",
    "content",
    "message",
    "generated_text",
)


def asked_turns(chat: Chat, value: Any) -> list[BranchTurn]:
    """Return the turns that a call was given; none if they are in no known form."""
    value = _parsed(value)
    if isinstance(value, str):
        return [BranchTurn("user", value)]
    if isinstance(value, list):
        return turns_of(chat, value) if _are_messages(value) else []
    if is_message(value):
        return [turn_of(chat, value)]
    return _asked_in(chat, value) if isinstance(value, ReadRecord) else []


def _asked_in(chat: Chat, value: ReadRecord) -> list[BranchTurn]:
    if value.peek("messages") is not None:
        system = value.peek("system")
        before = [BranchTurn("system", value["system"])] if isinstance(system, str) else []
        return before + asked_turns(chat, value["messages"])
    if isinstance(value.peek("prompts"), list):  # of a model that completes a text
        return [BranchTurn("user", prompt) for prompt in value["prompts"]]
    return _of_one_field(chat, value, _ASKED, asked_turns)


def answered_turns(chat: Chat, value: Any) -> list[BranchTurn]:
    """Return the turns that a call answered, the answer itself last; none if they are in no known form."""
    value = _parsed(value)
    if isinstance(value, str):
        return [BranchTurn("assistant", value)]
    if isinstance(value, list):
        return _new_turns(turns_of(chat, value)) if _are_messages(value) else []
    if is_message(value):
        return [turn_of(chat, value)._replace(role="assistant")]
    return _answered_in(chat, value) if isinstance(value, ReadRecord) else []


def _answered_in(chat: Chat, value: ReadRecord) -> list[BranchTurn]:
    if value.peek("choices"):
        choice = value["choices"][0]
        turn = turn_of(chat, choice["message"])
        return [turn._replace(fields={**turn.fields, "finish_reason": choice.get("finish_reason")})]
    if value.peek("generations"):
        return _generation(chat, value["generations"])
    if value.peek("messages") is not None:
        return answered_turns(chat, value["messages"])
    return _of_one_field(chat, value, _ANSWERED, answered_turns)


def tools_of(value: Any) -> str | None:
    """Return the tools that a call was given beside its messages, as JSON text."""
    value = _parsed(value)
    tools = value.get("tools") if isinstance(value, dict) else None
    return json.dumps(tools, ensure_ascii=False) if tools else None


def _generation(chat: Chat, generations: Any) -> list[BranchTurn]:
    first = generations[0][0] if isinstance(generations[0], list) else generations[0]
    if first.get("message") is not None:
        return [turn_of(chat, first["message"])._replace(role="assistant")]
    return [BranchTurn("assistant", first["text"])]


def _of_one_field(chat: Chat, value: Any, names: tuple[str, ...], read: Any) -> list[BranchTurn]:
    """Read the first field of a known name. An object with one field only is read whatever its name."""
    given = [name for name in names if value.peek(name) not in (None, "", [])]
    if not given and len(value) == 1:
        given = list(value)
    return read(chat, value[given[0]]) if given else []


def _new_turns(turns: list[BranchTurn]) -> list[BranchTurn]:
    """Of a whole chat the last answer alone is new; what stands before it, the call was given."""
    return [turn for turn in turns[-1:] if turn.role == "assistant"]


def _are_messages(values: list[Any]) -> bool:
    if not values:
        return False
    is_batch = len(values) == 1 and isinstance(values[0], list) and not _is_pair(values[0])
    inner = values[0] if is_batch else values
    return bool(inner) and all(is_message(one) or _is_pair(one) for one in inner)


def _is_pair(value: Any) -> bool:
    """Whether a value is a role and a text, as LangChain takes a message."""
    return isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value)


def _parsed(value: Any) -> Any:
    """Return the messages or the object that a text holds as JSON, as exports to files have them."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            found = parse_json(value.encode())
        except ValueError:
            return value
        if _are_messages(found) if isinstance(found, list) else found.keys() & _KNOWN:
            return found
    return value
