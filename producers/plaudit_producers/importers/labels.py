"""Judgements that stand beside a chat in its record."""

from typing import Final

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.records import ReadRecord

LABELS: Final = ("kto_tag", "label")
"""Fields that say true or false, or 1 or 0, of the last answer: a like or a dislike."""


def label_of(record: ReadRecord) -> bool | None:
    """Take the first of LABELS that says yes or no. Other values, and a second one, stay unread."""
    for name in LABELS:
        value = record.peek(name)
        if isinstance(value, bool | int) and value in (0, 1):
            record.skip(name)
            return bool(value)
    return None


def add_label(chat: Chat, record: ReadRecord, message_id: str) -> None:
    """Like or dislike a message as its record's label says, if there is one."""
    label = label_of(record)
    if label is not None:
        (chat.like if label else chat.dislike)(message_id)
