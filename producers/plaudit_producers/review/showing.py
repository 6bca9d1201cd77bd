"""Makes what the browser gets of an item, and finds what answers to it are about."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from plaudit_schemas.review.answers import ItemAddress
from plaudit_schemas.review.changes import Reason
from plaudit_schemas.review.claims import ClaimedItem, FoundItem
from plaudit_schemas.review.targets import ReviewTarget

from plaudit_producers.review.content import ItemContent, Message, shuffled
from plaudit_producers.review.errors import REBUILDING, ReviewRefusal
from plaudit_producers.review.item_documents import item_document
from plaudit_producers.review.queues import OpenQueue
from plaudit_producers.review.reading import ItemReader, ReadItem
from plaudit_producers.review.suggestions import may_suggest, suggestions_of

_LONG: Final = 20_000
"""Characters of Markdown, from which on rendering takes so many milliseconds that others must not wait."""


class ShownItem(NamedTuple):
    """An item with what it shows.

    Attributes:
        candidates: in the order for the reviewer.
    """

    id: str
    target: ReviewTarget
    reasons: Sequence[Reason]
    read: ReadItem
    content: ItemContent
    candidates: Sequence[Message]

    def address(self, compared: Sequence[str]) -> ItemAddress:
        """What answers to the item are about.

        Args:
            compared: ids of the candidates that the reviewer saw; empty for all.

        Raises:
            ReviewRefusal: one of them is no candidate.
        """
        known = [str(each["message_id"]) for each in self.candidates]
        if not set(compared) <= set(known) or len(set(compared)) < len(compared):
            raise ReviewRefusal("answers", "The answers that were compared do not belong to this item.")
        prompt = self.content.prompt_id if self.target.kind == "answer" else ""
        return ItemAddress(self.id, self.target, prompt, tuple(compared or known))


class Showing:
    """Reads items for reviewers, and takes those of erased conversations out of their queue."""

    def __init__(self, reader: ItemReader) -> None:
        self._reader = reader

    async def show(
        self, at: OpenQueue, reviewer: str, item: str, target: ReviewTarget, reasons: Sequence[Reason],
        context: bytes,
    ) -> ShownItem | None:  # fmt: skip
        """An item as a reviewer sees it. None if its conversation was erased, or nothing of it is left."""
        read = await self._reader.read(at.name.application, target, context)
        if read.erased:
            await at.queue.erase(target.conversation_id)
        if read.content is None:
            return None
        return ShownItem(
            item, target, reasons, read, read.content, shuffled(read.content.candidates, reviewer, item)
        )

    async def find(self, at: OpenQueue, reviewer: str, item: str) -> ShownItem:
        """An item of a queue, whoever works on it.

        Raises:
            ReviewRefusal: there is none, or it was erased.
        """
        found = await found_item(at, item)
        reviewed = found.reviewed
        shown = await self.show(at, reviewer, item, reviewed.target, reviewed.reasons, found.context)
        if shown is None:
            raise no_item()
        return shown

    async def claimed(self, at: OpenQueue, reviewer: str, claimed: ClaimedItem) -> dict[str, Any] | None:
        """The document of an item that is kept for a reviewer. None if there is nothing to show any more."""
        shown = await self.show(at, reviewer, claimed.id, claimed.target, claimed.reasons, claimed.context)
        if shown is None:
            return None
        return {**await self.document(at, shown), "lease_ms": claimed.lease_ms}

    async def document(self, at: OpenQueue, shown: ShownItem) -> dict[str, Any]:
        """The document of an item, without its lease."""
        suggestions = []
        if may_suggest(at.rubric, shown.reasons):
            suggestions = list(suggestions_of(at.rubric, shown.read.feedback, _judged(shown)))
        parts = at.rubric, shown.id, shown.target, shown.content, shown.candidates, suggestions
        if _size(shown.content) < _LONG:
            document = item_document(*parts)
        else:
            document = await asyncio.to_thread(item_document, *parts)
        return {**document, "live": shown.read.live}


async def found_item(at: OpenQueue, item: str) -> FoundItem:
    """An item of a queue.

    Raises:
        ReviewRefusal: there is no such item, or the queue is being built, so that it may yet come, or its
            version ended, and it is deleted and not built again.
    """
    found = await at.queue.find(item)
    if found is None:
        if await at.queue.stage() != "ready":
            raise ReviewRefusal("rebuilding", REBUILDING) if at.active else replaced()
        found = await at.queue.find(item)  # it may have become ready between the two
    if found is None:
        raise no_item()
    return found


def replaced() -> ReviewRefusal:
    """The refusal for a version that has ended."""
    return ReviewRefusal("replaced", "The rubric has changed; load the queues again.")


def no_item() -> ReviewRefusal:
    """The refusal for an item that is gone."""
    return ReviewRefusal("no_item", "This item is gone: its conversation was erased or has expired.")


def _judged(shown: ShownItem) -> list[str]:
    if shown.target.kind == "answers":
        return [str(each["message_id"]) for each in shown.candidates]
    return [shown.target.message_id]


def _size(content: ItemContent) -> int:
    shown = (
        *content.path,
        *content.candidates,
        *content.others,
        *((content.answer,) if content.answer else ()),
    )
    return sum(len(each.get("content") or "") + len(each.get("reasoning") or "") for each in shown)
