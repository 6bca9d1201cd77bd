"""The tree of a conversation's messages: which answers can become training targets, and their prompts."""

from collections.abc import Sequence
from typing import Final, NamedTuple

SPEAKERS: Final = ("system", "user", "assistant", "tool")


class MessageFields(NamedTuple):
    """The fields of messages that decide on training rows, as lists of equal length.

    Attributes:
        ids, parents: a root's parent is the empty string.
        sizes: bytes of the content.
        usable: False for an orphan, an unknown speaker, a message with attachments, and one that is excluded.
        guessed: True if the parent was guessed, and the order of two producers may be wrong.
        tools: True for a tool's answer and for an answer that calls a tool.
    """

    ids: Sequence[str]
    parents: Sequence[str | None]
    roles: Sequence[str]
    statuses: Sequence[str]
    sizes: Sequence[int]
    usable: Sequence[bool]
    guessed: Sequence[bool]
    tools: Sequence[bool]


class PromptPath(NamedTuple):
    """The messages before an answer.

    Attributes:
        positions: of the messages, root first.
        size: bytes of all their contents.
    """

    positions: list[int]
    size: int


class MessageTree:
    """The messages of one conversation, at the positions from `first` (included) to `end` (excluded).

    Attributes:
        positions: message id -> position.
    """

    def __init__(self, fields: MessageFields, first: int, end: int, max_prompt_bytes: int) -> None:
        self._fields = fields
        self._max_prompt_bytes = max_prompt_bytes
        self.positions = {fields.ids[position]: position for position in range(first, end)}

    def find_answer(self, message_id: str) -> int | None:
        """The position of a usable assistant message; None if the id names none."""
        position = self.positions.get(message_id)
        if position is None or self._fields.roles[position] != "assistant":
            return None
        return position if self._fields.usable[position] else None

    def is_complete(self, position: int) -> bool:
        """Whether the answer was neither cut off nor failed."""
        return self._fields.statuses[position] == "complete"

    def prompt_before(self, answer: int) -> PromptPath | None:
        """The path from a root to the message before an answer; None if that path is not a prompt.

        A prompt ends with the turn of a user or a tool, holds only usable messages, and is not longer than
        the limit.
        """
        _, parents, roles, _, sizes, usable, _, _ = self._fields
        path: list[int] = []
        size, parent_id, positions = 0, parents[answer], self.positions
        while parent_id:
            # Parents come from producers and may form a cycle; a path cannot be longer than all messages.
            parent = positions.get(parent_id)
            is_cycle = len(path) > len(positions)
            if parent is None or not usable[parent] or is_cycle:
                return None
            size += sizes[parent]
            if size > self._max_prompt_bytes:
                return None
            path.append(parent)
            parent_id = parents[parent]
        if not path or roles[path[0]] not in ("user", "tool"):
            return None
        path.reverse()
        return PromptPath(path, size)

    def uses_tools(self, prompt: PromptPath, answer: int) -> bool:
        """Whether a tool call or a tool's answer is in the prompt, or a call in the answer."""
        tools = self._fields.tools
        return tools[answer] or any(tools[position] for position in prompt.positions)
