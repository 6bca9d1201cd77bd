"""The votes of a ChatGPT export, which lie in a file of their own beside the conversations."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_schemas.contract.feedback import Rater
from plaudit_schemas.errors import NotFoundError

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import as_text, expect
from plaudit_producers.importers.json_scanner import Member, scan_json
from plaudit_producers.importers.model import BadRecord
from plaudit_producers.importers.moments import at_time
from plaudit_producers.importers.source import Source

FILE: Final = "message_feedback.json"
_LIKES: Final = {"thumbs_up": True, "thumbsUp": True, "thumbs_down": False, "thumbsDown": False}


class ChatgptFeedback:
    """The votes by conversation. A file that is not there has none.

    Attributes:
        refused: the records of the file that could not be read.
    """

    def __init__(self, source: Source) -> None:
        self.refused: list[BadRecord] = []
        self._waiting: dict[str, list[Member]] = {}
        try:
            with source.beside(FILE) as beside:
                for member in scan_json(beside.read):
                    self._keep(member)
        except NotFoundError:
            return

    def add_to(self, chat: Chat, conversation_id: str, ids: Mapping[str, str]) -> None:
        """Add the votes of one conversation. Its messages have the ids of the votes."""
        for member in self._waiting.pop(conversation_id, ()):
            try:
                _add_vote(chat, member.value, ids)
            except (KeyError, TypeError, ValueError) as error:
                chat.note(f"line {member.place.line} of {FILE} is no vote: {error}")

    def unused(self) -> Iterator[BadRecord]:
        """Yield the votes on conversations that the file does not hold."""
        for conversation_id, members in self._waiting.items():
            for member in members:
                reason = f"line {member.place.line} of {FILE}: there is no conversation {conversation_id}"
                yield BadRecord(member.place, reason)

    def _keep(self, member: Member | BadRecord) -> None:
        if isinstance(member, BadRecord):
            reason = f"line {member.place.line} of {FILE}: {member.reason}"
            self.refused.append(BadRecord(member.place, reason))
        elif not isinstance(member.value, dict) or not isinstance(member.value.get("conversation_id"), str):
            reason = f"line {member.place.line} of {FILE}: lacks 'conversation_id'"
            self.refused.append(BadRecord(member.place, reason))
        else:
            self._waiting.setdefault(member.value["conversation_id"], []).append(member)


def _add_vote(chat: Chat, vote: Mapping[str, Any], ids: Mapping[str, str]) -> None:
    message_id, rating = vote["id"], vote["rating"]
    if rating not in _LIKES:
        raise ValueError(f"rating must be one of {', '.join(_LIKES)}, not {rating!r}")
    if message_id not in ids:
        chat.note(f"a vote is about message {message_id}, which the conversation does not hold")
    user_id = vote.get("user_id") or None
    given = {"rater": Rater(id=user_id), **at_time(vote.get("create_time"), "create_time")}
    details = _details_of(vote.get("content"))
    give = chat.like if _LIKES[rating] else chat.dislike
    give(message_id, comment=details.get("text") or None, **given)
    tags = details.get("tags") or []
    if tags:
        chat.label(message_id, [as_text(tag) for tag in tags], **given)


def _details_of(content: Any) -> Mapping[str, Any]:
    """Return the text and tags of a vote. The export has them as JSON within a text."""
    if isinstance(content, str):
        try:
            content = json.loads(content)
        except json.JSONDecodeError:
            return {"text": content}
    return {} if content is None else dict(expect(content, dict, "content"))
