"""The tree of a conversation's messages: which answers can become training targets, and their prompts."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from plaudit_consumers.rows.reasons import AnswerReason

SPEAKERS: Final = ("system", "user", "assistant", "tool")


class MessageFields(NamedTuple):
    """The fields of messages that decide on training rows, as lists of equal length.

    Attributes:
        ids, parents: a root's parent is the empty string.
        sizes: bytes of the content.
        usable: False for an orphan, an unknown speaker, a message with attachments, and one that is excluded.
        guessed: True if the parent was guessed, and the order of two producers may be wrong.
        calls: True for an answer that calls a tool.
        written: True for an answer that a reviewer wrote.
    """

    ids: Sequence[str]
    parents: Sequence[str | None]
    roles: Sequence[str]
    statuses: Sequence[str]
    sizes: Sequence[int]
    usable: Sequence[bool]
    guessed: Sequence[bool]
    calls: Sequence[bool]
    written: Sequence[bool]


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

    def __init__(
        self,
        fields: MessageFields,
        first: int,
        end: int,
        max_prompt_bytes: int,
        problem: Callable[[int], AnswerReason],
    ) -> None:
        """`problem` says why the message at a position is not usable."""
        self._fields, self._problem = fields, problem
        self._max_prompt_bytes = max_prompt_bytes
        self.positions = {fields.ids[position]: position for position in range(first, end)}

    def find_answer(self, message_id: str) -> int | AnswerReason:
        """The position of a usable assistant message, or why the id names none."""
        position = self.positions.get(message_id)
        if position is None:
            return "message_not_found"
        if self._fields.roles[position] != "assistant":
            return "not_an_answer"
        return position if self._fields.usable[position] else self._problem(position)

    def is_complete(self, position: int) -> bool:
        """Whether the answer was neither cut off nor failed."""
        return self._fields.statuses[position] == "complete"

    def prompt_before(self, answer: int) -> PromptPath | AnswerReason:
        """The path from a root to the message before an answer, or why that path is not a prompt.

        A prompt ends with the turn of a user or a tool, holds only usable messages, and is not longer than
        the limit.
        """
        fields = self._fields
        parents, roles, sizes, usable = fields.parents, fields.roles, fields.sizes, fields.usable
        path: list[int] = []
        size, parent_id, positions = 0, parents[answer], self.positions
        while parent_id:
            # Parents come from producers and may form a cycle; a path cannot be longer than all messages.
            parent = positions.get(parent_id)
            if parent is None or len(path) > len(positions):
                return "broken_history"
            if not usable[parent]:
                return self._problem(parent)
            size += sizes[parent]
            if size > self._max_prompt_bytes:
                return "prompt_too_long"
            path.append(parent)
            parent_id = parents[parent]
        if not path or roles[path[0]] not in ("user", "tool"):
            return "no_question"
        path.reverse()
        return PromptPath(path, size)

    def final_answers(self) -> list[int]:
        """The usable, complete answers that end a turn: neither a tool nor the assistant goes on after them.

        An answer without text and without calls is none.
        """
        fields, positions = self._fields, self.positions
        going_on = (at for at in positions.values() if fields.roles[at] in ("tool", "assistant"))
        goes_on = {fields.parents[at] for at in going_on}
        return [
            at
            for name, at in positions.items()
            if fields.roles[at] == "assistant"
            and fields.usable[at]
            and self.is_complete(at)
            and name not in goes_on
            and (fields.sizes[at] or fields.calls[at])
        ]
