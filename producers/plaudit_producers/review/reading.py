"""Reads what an item shows: from the live conversation, or from what the queue has stored of it."""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from plaudit_schemas.errors import NotFoundError, ServiceUnavailableError
from plaudit_schemas.review.targets import ReviewTarget

from plaudit_producers.live_reader import ConversationReader
from plaudit_producers.review.content import ItemContent, content_of
from plaudit_producers.review.errors import ReviewRefusal

REDIS_AWAY = "The queue does not answer; try again in a moment. Nothing that you wrote is lost."


class ReadItem(NamedTuple):
    """What an item shows.

    Attributes:
        content: None if the conversation was erased, or nothing of it is left.
        feedback: of the conversation.
        erased: whether the conversation was erased.
        live: whether the content comes from the live conversation.
    """

    content: ItemContent | None
    feedback: list[Mapping[str, Any]]
    erased: bool = False
    live: bool = True


class ItemReader:
    """Reads the content of items. A live conversation goes before a stored one: it knows of an erasure."""

    def __init__(self, reader: ConversationReader | None) -> None:
        """`reader`: of live conversations; None if no member offers one."""
        self._reader = reader

    async def read(self, application: str, target: ReviewTarget, context: bytes) -> ReadItem:
        """The content of an item.

        Args:
            context: what the queue has stored of the conversation.

        Raises:
            ReviewRefusal: Redis does not answer.
        """
        if target.kind == "topic":
            return ReadItem(content_of({}, target), [])
        live = await self._live(application, target.conversation_id)
        if live is not None and live.get("erased"):
            return ReadItem(None, [], erased=True)
        if live is not None:
            content = content_of(live, target)
            if content is not None:
                return ReadItem(content, list(live.get("feedback") or ()))
        stored = json.loads(context) if context else {}
        return ReadItem(content_of(stored, target), list(stored.get("feedback") or ()), live=False)

    async def close(self) -> None:
        """Close the connections."""
        if self._reader is not None:
            await self._reader.aclose()

    async def _live(self, application: str, conversation_id: str) -> dict[str, Any] | None:
        if self._reader is None:
            return None
        try:
            return await self._reader.get(application, conversation_id)
        except NotFoundError:
            return None
        except ServiceUnavailableError as error:
            raise ReviewRefusal("redis", REDIS_AWAY) from error
