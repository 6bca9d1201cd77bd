"""What one import has seen so far in its file: chats that repeat or contradict each other."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.importers.ids import digest_of

_NAMED: Final = 200_000  # bounds the memory; a file with more ids of its own is compared up to here


class SeenChats:
    """Remembers the chats of one file: a hundred bytes or so for each.

    A chat with an id of its own in the file is one conversation, however often it comes. Chats without an id
    that are the same to the letter are conversations of their own, told apart by their number.

    Attributes:
        run: an id of this one import.
    """

    def __init__(self) -> None:
        self.run = new_ulid()
        self._same: Counter[bytes] = Counter()
        self._named: dict[bytes, tuple[bytes, int]] = {}

    def number_of(self, content: bytes) -> int:
        """Return how many things of this content came before, and count this one."""
        number = self._same[content]
        self._same[content] += 1
        return number

    def first_of(self, name: bytes, content: bytes, line: int) -> tuple[bytes, int]:
        """Return the content and the line with which an id came first, which may be this time."""
        first = self._named.get(name)
        if first is not None:
            return first
        if len(self._named) < _NAMED:
            self._named[name] = content, line
        return content, line

    def notes_on(self, line: int, conversation_id: str, messages: Iterable[tuple[str, bytes]]) -> list[str]:
        """Compare a chat with what came before under its id. Returns notes for the report.

        Args:
            line: of the chat's record.
            messages: their ids, and the digests of all that they say.
        """
        others = [
            (message_id, *self.first_of(digest_of(conversation_id, message_id), content, line), content)
            for message_id, content in messages
        ]
        changed = [(message_id, at) for message_id, before, at, content in others if before != content]
        lines = {at for _, _, at, _ in others}
        if changed:
            return [_conflict(*changed[0])]
        if line in lines or not lines:
            return []
        return [f"the same chat as on line {min(lines)}: it adds no message"]


def _conflict(message_id: str, line: int) -> str:
    return (
        f"conflict: the same chat on line {line} has other content, such as that of message {message_id}. "
        "What differs here becomes dead letters with the reason conflict"
    )
