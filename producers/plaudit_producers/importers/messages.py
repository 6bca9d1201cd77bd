"""Messages in OpenAI's form, `{"role", "content", "tool_calls", ...}`, as several formats have them."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from plaudit_schemas.contract.events import Attachment, ToolCall

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect

ROLES: Final = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool",
    "function": "tool",
}  # fmt: skip
_KEPT: Final = ("name", "weight", "refusal")
_REASONING: Final = ("reasoning_content", "reasoning", "thinking")

Fields = dict[str, Any]


class Messages:
    """Adds messages to a chat. Tool calls without an id are tied to the tool turns that follow them."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    def add(self, messages: Sequence[Any]) -> str:
        """Add messages, each as an answer to the one before. Returns the id of the last answer, or "".

        Raises:
            ValueError: a message has an unknown role, or content that does not fit into an event.
        """
        answer = ""
        for role, text, fields in self._plain(messages):
            message_id = self._chat.add_message(role, text, **fields)
            answer = message_id if role == "assistant" else answer
        return answer

    def add_pair(self, better: Sequence[Any], worse: Sequence[Any], **how: Any) -> None:
        """Add two answers to the last message, and that the first one is better.

        Answers of several messages, such as tool calls and their results, become two branches, and their ends
        are compared.

        Args:
            how: keywords of `Chat.compare`.
        """
        chat, fork = self._chat, self._chat.last
        ends = ["", ""]
        both = [list(self._plain(better)), list(self._plain(worse))]
        if not all(both):
            raise ValueError("an answer of the pair has no message")
        if both[0] == both[1]:
            chat.note("both answers are the same, so the comparison says nothing")
        elif len(both[0]) > 1 or len(both[1]) > 1:
            chat.note("the answers of the pair have several messages, so the ends make no training pair")
        order = [0, 1] if both[0] == both[1] else chat.shuffled([better, worse])
        for at in order:
            role, text, fields = both[at][0]
            # Named by its text: which one is better must not change the ids.
            ends[at] = chat.last = chat.add_answer(role, text, parent_id=fork, **fields)
            for role, text, fields in both[at][1:]:
                ends[at] = chat.add_message(role, text, **fields)
        chat.last = fork
        chat.compare([ends[at] for at in order], ends, **how)

    def _plain(self, messages: Sequence[Any]) -> Iterator[tuple[str, str | None, Fields]]:
        given = [expect(message, dict, "a message") for message in messages]
        calls = [list(_calls_of(message)) for message in given]
        answered = [message.get("tool_call_id") for message in given]
        self._tie_calls(given, calls, answered)
        for message, made, call_id in zip(given, calls, answered, strict=True):
            yield _plain_message(message, made, call_id)

    def _tie_calls(self, messages: list[Any], calls: list[list[Fields]], answered: list[Any]) -> None:
        """Give ids to calls that have none, and the ids of calls to tool turns that have none. In place."""
        for at, made in enumerate(calls):
            waiting = [turn for turn in _tool_turns_after(messages, at) if made]
            own = {call["id"] for call in made if call["id"] is not None}
            waiting = [turn for turn in waiting if answered[turn] not in own]
            for call in made:
                turn = _turn_for(call, waiting, messages)
                if call["id"] is None:
                    given = None if turn is None else answered[turn]
                    call["id"] = given or self._chat.new_call_id()
                elif call["id"] in answered or turn is None or answered[turn] is not None:
                    continue
                if turn is not None:
                    answered[turn] = call["id"]
                    waiting.remove(turn)


def content_of(message: Any) -> tuple[str | None, list[Attachment]]:
    """Split a message's content into text and attachments. The text is None if there is no content at all.

    The texts of several parts are joined without a separator.

    Raises:
        ValueError: a part is neither text nor an image by reference.
    """
    content = message.get("content")
    if content is None or isinstance(content, str):
        return content, []
    texts, attachments = [], []
    for part in expect(content, list, "content"):
        kind = "text" if isinstance(part, str) else part["type"]
        if kind in ("text", "refusal"):
            texts.append(part if isinstance(part, str) else part[kind])
        elif kind == "image_url":
            attachments.append(attachment_of(part["image_url"]))
        else:
            raise ValueError(f"content of type {kind!r} does not fit into an event; send it by reference")
    return ("".join(texts) if texts or attachments else None), attachments


def attachment_of(image: Any) -> Attachment:
    """Make an attachment of an image's address.

    Raises:
        ValueError: the image itself is in the record.
    """
    uri: str = image if isinstance(image, str) else image["url"]
    if uri.startswith("data:"):
        raise ValueError("an image within the record does not fit into an event; send it by reference")
    return Attachment(uri=uri)


def tools_of(record: Any) -> str | None:
    """The tools of a record as text, or None."""
    tools = record.get("tools") or record.get("functions")
    return as_text(tools) if tools else None


def _plain_message(message: Any, calls: list[Fields], call_id: Any) -> tuple[str, str | None, Fields]:
    role = message["role"]
    if role not in ROLES:
        raise ValueError(f"role must be one of {', '.join(ROLES)}, not {role!r}")
    text, attachments = content_of(message)
    if text is None:
        text = message.get("refusal")
        may_be_empty = calls if role == "assistant" else ROLES[role] == "tool" and "content" in message
        if text is None and may_be_empty:
            text = ""
    metadata = {name: as_text(message[name]) for name in _KEPT if message.get(name) is not None}
    if role == "developer":
        metadata["role"] = role  # events have no such role, so it is kept here
    thought = [message[name] for name in _REASONING if isinstance(message.get(name), str) and message[name]]
    fields: Fields = {
        "attachments": attachments,
        "tool_calls": [ToolCall(**call) for call in calls],
        "tool_call_id": call_id,
        "metadata": metadata,
        "reasoning": thought[0] if thought else None,
    }
    return ROLES[role], text, {name: value for name, value in fields.items() if value}


def _calls_of(message: Any) -> Iterator[Fields]:
    for call in message.get("tool_calls") or ():
        function = call.get("function") or call  # some files leave the wrapper out
        call.skip("type", "function")
        yield _call(call.get("id"), function)
    if message.get("function_call"):  # the older form, before tool_calls; it has no id
        yield _call(None, message["function_call"])


def _call(call_id: Any, function: Any) -> Fields:
    arguments = function.get("arguments")
    text = "{}" if arguments is None else as_text(arguments)
    return {"id": call_id, "name": function["name"], "arguments": text}


def _tool_turns_after(messages: list[Any], at: int) -> Iterator[int]:
    for turn in range(at + 1, len(messages)):
        if ROLES.get(messages[turn].get("role")) != "tool":
            return
        yield turn


def _turn_for(call: Fields, waiting: list[int], messages: list[Any]) -> int | None:
    """The tool turn that answers a call: the first that names its function, else the first without a name."""
    for wanted in (call["name"], None):
        for turn in waiting:
            if messages[turn].get("name") == wanted:
                return turn
    return None
