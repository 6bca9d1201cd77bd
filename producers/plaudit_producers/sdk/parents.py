"""The parents of messages that a caller leaves out, from what a handle knows.

A null parent means the message before it in the log. Where two processes add messages to one conversation,
their events may overtake each other, and that message is then another one (docs/decisions/0032).
"""

import os
from threading import Lock
from typing import Final

from plaudit_schemas.codec.wire import Record

_ANSWERS: Final = {
    "user": frozenset(("assistant", "system")),
    "assistant": frozenset(("user", "tool")),
    "tool": frozenset(("assistant", "tool")),
}
"""Role of a message -> roles of the messages that it may answer.

Two messages of a user, or two of an assistant, in a row are no question and answer: another process may have
added what is in between. Their parent stays null.
"""


# Plain tuples, because this runs for every message.
KnownMessage = tuple[str, str]
"""The id and the role of a message that a handle added."""
AddedMessage = tuple[KnownMessage, KnownMessage | None]
"""What `forget_message` needs: the message, and the one that was the last before it."""


class KnownMessages:
    """The messages that one handle added. Thread-safe.

    A message is known before it is sent, so that no two threads take the same message for the last one. If it
    cannot be sent, `forget_message` takes that back.
    """

    __slots__ = ("_ids", "_last")

    def __init__(self) -> None:
        self._ids: set[str] = set()
        self._last: KnownMessage | None = None

    def add_message(self, body: Record) -> AddedMessage | None:
        """Remember a message, and set its parent if the caller gave none and the handle knows it.

        Returns None for an id that was added before: the message is sent again, or completes a partial one.
        It keeps the parent that it has, so a null is right then.
        """
        message_id, role = body["message_id"], body["role"]
        if type(message_id) is not str or type(role) is not str:
            return None  # not valid; the check that follows says why
        message = message_id, role
        with _lock:
            last = self._last
            if message_id in self._ids:
                return None
            self._ids.add(message_id)
            self._last = message
        if last is not None and last[1] in _ANSWERS.get(role, ()) and body.get("parent_id") is None:
            body["parent_id"] = last[0]
        return message, last

    def forget_message(self, added: AddedMessage | None) -> None:
        """Take back a message that was not sent."""
        if added is None:
            return
        message, before = added
        with _lock:
            self._ids.discard(message[0])
            if self._last is message:
                self._last = before


def _renew_lock() -> None:
    global _lock  # noqa: PLW0603  # a thread of the parent may have held it at the fork
    _lock = Lock()


# One for all handles: it is held for less than a microsecond.
_lock = Lock()
if hasattr(os, "register_at_fork"):  # Windows has no fork
    os.register_at_fork(after_in_child=_renew_lock)
