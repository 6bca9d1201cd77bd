"""Where conversations are found: live ones in Redis, finished ones in the sink's files."""

import asyncio
from collections.abc import Set
from typing import Any, NamedTuple

from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.finished_search import (
    ConversationCriteria,
    FilePlace,
    FinishedFound,
    FinishedSearch,
)
from plaudit_schemas.errors import NotFoundError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.fold import RulesHistory
from plaudit_stream_processors.fold.facts import excluded
from plaudit_stream_processors.queries.display import document_of
from plaudit_stream_processors.queries.live import LiveReader
from plaudit_stream_processors.queries.live_look import LiveLook, Look, LookLimits, LookPlace

from plaudit_infra.conversations_page.conversation_view import Document
from plaudit_infra.conversations_page.criteria import fits
from plaudit_infra.conversations_page.finished_document import document_of_row, excluded_of_row
from plaudit_infra.page_requests import PageRefusal

FOUND: int = 20
"""How many conversations one search gives."""


class FoundConversation(NamedTuple):
    """A conversation, and where it was found: live or finished.

    Attributes:
        excluded: ids of messages that are kept out of training; the empty id is the whole conversation.
    """

    document: Document
    source: str
    excluded: Set[str]


class ConversationSources:
    """Reads live and finished conversations. Raises ServiceUnavailableError where Redis does not answer."""

    def __init__(self, connection: ConnectionSettings, root: str) -> None:
        """Connects to nothing yet. `root` may be empty."""
        self.has_root = bool(root)
        self._reader, self._look = LiveReader(connection), LiveLook(connection)
        self._finished = FinishedSearch(root)
        # One search holds up to 512 MB, so they wait for each other.
        self._one_at_a_time = asyncio.Semaphore(1)

    async def find(self, application: str, conversation_id: str) -> FoundConversation:
        """A conversation as it is now.

        Raises:
            PageRefusal: there is none, or it was erased.
            SnapshotError: the search took too long.
        """
        try:
            state = await self._reader.state_of(application, conversation_id)
        except NotFoundError:
            return await self._find_finished(application, conversation_id)
        if state.erased:
            raise erased()
        return FoundConversation(document_of(state), "live", excluded(state))

    async def is_erased(self, application: str, conversation_id: str) -> bool | None:
        """Whether a live conversation was erased; None if it is not live any more."""
        try:
            return (await self._reader.state_of(application, conversation_id)).erased
        except NotFoundError:
            return None

    async def rules_history(self, application: str, conversation_id: str) -> RulesHistory:
        """Which rules folded the conversation's partition, from which offset on."""
        return await self._reader.rules_history(application, conversation_id)

    async def look(self, application: str, criteria: ConversationCriteria, place: LookPlace | None) -> Look:
        """Look through some more live conversations, the newest first. One that is named is read at once."""
        if criteria.conversation_id is not None:
            return await self._look_up(application, criteria.conversation_id, criteria)
        limits = LookLimits(found=FOUND)
        return await self._look.look(application, lambda state: fits(state, criteria), place, limits)

    async def _look_up(self, application: str, conversation_id: str, criteria: ConversationCriteria) -> Look:
        try:
            state = await self._reader.state_of(application, conversation_id)
        except NotFoundError:
            return Look([], 0, None, None)
        is_found = not state.erased and fits(state, criteria)
        return Look([(state.activity_ms, state)] if is_found else [], 1, None, state.activity_ms)

    async def search(
        self, application: str, criteria: ConversationCriteria, place: FilePlace | None
    ) -> FinishedFound:
        """Search some more finished conversations, the newest first.

        Raises:
            SourceFileError: the sink's files cannot be read.
            SnapshotError: the search took too long.
        """
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._finished.find, application, criteria, FOUND, place)

    async def close(self) -> None:
        """Close the connections."""
        await self._reader.aclose()
        await self._look.aclose()

    async def _find_finished(self, application: str, conversation_id: str) -> FoundConversation:
        row: dict[str, Any] | None = None
        if self.has_root:
            try:
                async with self._one_at_a_time:
                    row = await asyncio.to_thread(self._finished.get, application, conversation_id)
            except SourceFileError as error:
                raise PageRefusal(
                    404,
                    f"No live conversation is {conversation_id}, and finished ones cannot be read: {error}",
                ) from None
        if row is None:
            raise PageRefusal(
                404, f"There is no conversation {conversation_id} here; it may have expired or been erased."
            )
        return FoundConversation(document_of_row(row), "finished", excluded_of_row(row))


def erased() -> PageRefusal:
    """The answer about a conversation that was erased."""
    return PageRefusal(410, "This conversation was erased.")
