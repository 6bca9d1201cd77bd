"""The tree of a conversation's messages: which lines from a root may become a training row."""

from collections.abc import Sequence
from typing import NamedTuple

SPEAKERS = ("system", "user", "assistant", "tool")


class Messages(NamedTuple):
    """What decides, by message; lists of one length.

    Attributes:
        ids, parents: a root's parent is the empty string.
        sizes: bytes of the text.
        usable: False for an unknown speaker, an orphan, and what a text cannot stand for: attachments.
        tools: True for a tool's answer and for an answer that calls a tool.
    """

    ids: Sequence[str]
    parents: Sequence[str | None]
    roles: Sequence[str]
    statuses: Sequence[str]
    sizes: Sequence[int]
    usable: Sequence[bool]
    tools: Sequence[bool]


class Prompt(NamedTuple):
    """Positions of messages, root first, and the bytes of their texts."""

    line: list[int]
    size: int


class Lines:
    """Lines of one conversation, by position from `start` to `end` in `messages`."""

    def __init__(self, messages: Messages, start: int, end: int, max_bytes: int) -> None:
        self._messages = messages
        self._max_bytes = max_bytes
        self.at = {messages.ids[index]: index for index in range(start, end)}

    def target(self, message_id: str) -> int | None:
        """The position of a message that may be an answer in a training row: a whole one of the assistant."""
        index = self.at.get(message_id)
        if index is None or self._messages.roles[index] != "assistant" or not self._messages.usable[index]:
            return None
        return index

    def complete(self, index: int) -> bool:
        """Whether the answer is neither cut nor failed."""
        return self._messages.statuses[index] == "complete"

    def prompt(self, index: int) -> Prompt | None:
        """The messages before an answer, root first; None where they make no prompt.

        A prompt is not empty, ends with a user's or a tool's turn, holds only known speakers and texts,
        and is not longer than the limit.
        """
        _, parents, roles, _, sizes, usable, _ = self._messages
        line: list[int] = []
        size, current, at = 0, parents[index], self.at
        while current:
            parent = at.get(current)
            if parent is None or not usable[parent] or len(line) > len(at):
                return None
            size += sizes[parent]
            if size > self._max_bytes:
                return None
            line.append(parent)
            current = parents[parent]
        if not line or roles[line[0]] not in ("user", "tool"):
            return None
        line.reverse()
        return Prompt(line, size)

    def with_tools(self, line: Sequence[int], index: int) -> bool:
        """Whether a tool is called or answers in the line or in the answer."""
        return self._messages.tools[index] or any(self._messages.tools[each] for each in line)
