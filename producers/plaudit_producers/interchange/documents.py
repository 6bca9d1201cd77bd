"""The conversations of a file, in the form in which a live conversation is read: messages and feedback."""

from collections.abc import Iterable
from typing import Any

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.names import ADD_MESSAGE, ERASE_CONVERSATION, UPDATE_MESSAGE
from plaudit_schemas.contract.words import rater_slot

Document = dict[str, Any]
"""A conversation, as `plaudit conversation --json` prints it; of the fields only those that tasks need."""


class FileConversations:
    """Collects conversations from the events of a file, which may be of many, in any order.

    Attributes:
        documents: application and conversation id -> its document, in the order of the file.
    """

    def __init__(self) -> None:
        self.documents: dict[tuple[str, str], Document] = {}
        self._last: dict[tuple[str, str], str] = {}
        self._slots: dict[tuple[str, str], dict[str, Record]] = {}

    def add(self, records: Iterable[Record]) -> None:
        """Add events in their order."""
        for record in records:
            key = (record["application"], record["conversation_id"])
            if key not in self.documents:
                self.documents[key] = {
                    "application": key[0], "conversation_id": key[1], "erased": False,
                    "messages": [], "feedback": [],
                }  # fmt: skip
            self._add(key, *record["body"])

    def _add(self, key: tuple[str, str], name: str, body: Record) -> None:
        document = self.documents[key]
        if name == ERASE_CONVERSATION:
            document |= {"erased": True, "messages": [], "feedback": []}
        elif name == ADD_MESSAGE:
            self._add_message(key, body)
        elif name == UPDATE_MESSAGE:
            feedback = body["feedback"]
            about = body.get("message_id")
            said = {"rater": {"kind": "user"}, **feedback}
            slot = rater_slot(about or "", {**said, "rater": {"kind": "user", **said["rater"]}}, None)
            slots = self._slots.setdefault(key, {})
            if slot not in slots:
                slots[slot] = {"message_id": about}
                document["feedback"].append(slots[slot])
            slots[slot]["feedback"] = said

    def _add_message(self, key: tuple[str, str], body: Record) -> None:
        messages = self.documents[key]["messages"]
        message = {**body}
        if message.get("parent_id") is None:
            message["parent_id"] = self._last.get(key, "")
        known = next((at for at, one in enumerate(messages) if one["message_id"] == body["message_id"]), None)
        if known is None:
            messages.append(message)
            self._last[key] = message["message_id"]
        else:  # the completion of one that was cut
            messages[known] = {**message, "parent_id": messages[known]["parent_id"]}
