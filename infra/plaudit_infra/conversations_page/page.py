"""The page's requests that read: searches, a conversation now and as of an event, its events."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from plaudit_consumers.datasets.finished_search import FilePlace
from plaudit_consumers.sink.settings import RootSettings
from plaudit_producers import IdentityHash
from plaudit_producers.privacy import identity_hash
from plaudit_producers.review.settings import ReviewPageSettings
from plaudit_schemas.errors import NotFoundError
from plaudit_schemas.service.console import LoadSettings, PageParts, user_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.retention import RetentionSettings
from plaudit_stream_processors.fold import Rules
from plaudit_stream_processors.fold.facts import excluded
from plaudit_stream_processors.queries.display import document_of
from plaudit_stream_processors.queries.live_look import LookPlace
from plaudit_stream_processors.queries.log_history import ConversationHistory
from starlette.requests import Request
from starlette.routing import Route

from plaudit_infra.conversations_page.conversation_view import (
    conversation_view,
    found_view,
    message_view,
    milliseconds,
)
from plaudit_infra.conversations_page.criteria import criteria_of
from plaudit_infra.conversations_page.deciding import DecidingRequests
from plaudit_infra.conversations_page.decisions import ConversationDecisions
from plaudit_infra.conversations_page.finished_document import document_of_row
from plaudit_infra.conversations_page.judgements import event_view
from plaudit_infra.conversations_page.rights import application_of, may_decide, may_erase
from plaudit_infra.conversations_page.sources import ConversationSources, FoundConversation, erased
from plaudit_infra.conversations_page.timelines import Timelines
from plaudit_infra.page_producers import PageProducers
from plaudit_infra.page_requests import PageRefusal, answered, json_body, number

_FAILED: Final = "This cannot be shown now"
_NOT_DONE: Final = "Nothing was done"
_MARGIN_MS: Final = 3_600_000
"""Clocks of producers may be wrong by so much, when a conversation's first event is looked for."""
_CATCH_UP_S: Final = 5.0
_MOST_EVENTS: Final = 5_000


def create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    """The parts of the page. Nothing is read before the first request.

    Raises:
        SettingsError: a setting is wrong.
    """
    identity = identity_hash(load(ReviewPageSettings).review_identity_key)
    sources = ConversationSources(connection, load(RootSettings).output)
    rules = Rules(load(RetentionSettings).state_retention_ms)
    producers, timelines = PageProducers(connection, identity), Timelines()
    decisions = ConversationDecisions(producers)
    page = ConversationPage(connection, rules, sources, timelines, decisions, identity)
    deciding = DecidingRequests(connection, page.found, decisions, timelines)

    async def close() -> None:
        await timelines.close()
        await sources.close()
        await producers.close()

    return PageParts(routes=[*page.routes(), *deciding.routes()], close=close)


class ConversationPage:
    """Answers the browser. Users see conversations of their own application only."""

    def __init__(
        self,
        connection: ConnectionSettings,
        rules: Rules,
        sources: ConversationSources,
        timelines: Timelines,
        decisions: ConversationDecisions,
        identity: IdentityHash | None,
    ) -> None:
        self._connection, self._rules, self._sources = connection, rules, sources
        self._timelines, self._decisions, self._identity = timelines, decisions, identity

    def routes(self) -> list[Route]:
        """The routes of these requests."""
        return [
            Route("/about", answered(self.about, _FAILED)),
            Route("/search", answered(self.search, _FAILED)),
            Route("/one", answered(self.one, _FAILED)),
            Route("/message", answered(self.message, _FAILED)),
            Route("/timeline", answered(self.timeline, _FAILED), methods=["GET"]),
            Route("/timeline", answered(self.read_timeline, _FAILED), methods=["POST"]),
        ]

    async def found(self, application: str, conversation_id: str) -> FoundConversation:
        """A conversation as it is now.

        Raises:
            PageRefusal: there is none, or it was erased.
        """
        if not conversation_id:
            raise PageRefusal(422, "The id of a conversation is missing.")
        if self._decisions.is_erased(application, conversation_id):
            raise erased()
        return await self._sources.find(application, conversation_id)

    async def about(self, request: Request) -> dict[str, Any]:
        """What the user may do here."""
        user = user_of(request.scope)
        return {
            "application": application_of(user),
            "person": user.person,
            "decides": may_decide(user),
            "erases": may_erase(user),
            "finished": self._sources.has_root,
        }

    async def search(self, request: Request) -> dict[str, Any]:
        """Some more conversations that fit, live or finished ones."""
        application, asked = application_of(user_of(request.scope)), request.query_params
        criteria = criteria_of(asked, self._identity)
        if asked.get("where") == "finished":
            place = _place(FilePlace, asked.get("place"))
            if not self._sources.has_root:
                return {"found": [], "place": None, "looked": 0, "of": 0, "reached": None}
            found = await self._sources.search(application, criteria, place)
            shown = [
                found_view(document_of_row(row), int(row["finished_at"].timestamp() * 1000), "finished")
                for row in found.rows
                if row["finished_at"] is not None
            ]
            more = found.place and found.place.text()
            told = {"looked": found.files, "of": found.of, "reached": found.reached_day}
        else:
            look = await self._sources.look(application, criteria, _place(LookPlace, asked.get("place")))
            shown = [found_view(document_of(state), moment, "live") for moment, state in look.found]
            more = look.place and look.place.text()
            told = {"looked": look.looked, "of": None, "reached": look.reached_ms}
        kept = [each for each in shown if not self._decisions.is_erased(application, each["id"])]
        return {"found": kept, "place": more, **told}

    async def one(self, request: Request) -> dict[str, Any]:
        """A conversation now, or as of an offset of its partition."""
        shown, at = await self._shown(request)
        # Rendering takes up to seconds, and others must not wait for it.
        view = await asyncio.to_thread(
            conversation_view, shown.document, source=shown.source, excluded=shown.excluded
        )
        return {**view, "at": at}

    async def message(self, request: Request) -> dict[str, Any]:
        """The whole text of a message."""
        shown, _ = await self._shown(request)
        wanted = request.query_params.get("message", "")
        for message in shown.document["messages"]:
            if message["message_id"] == wanted:
                return await asyncio.to_thread(message_view, message, None)
        raise PageRefusal(404, "The conversation has no such message.")

    async def read_timeline(self, request: Request) -> dict[str, Any]:
        """Begin to read the log for a conversation, or go on."""
        asked = await json_body(request)
        application, conversation_id = application_of(user_of(request.scope)), str(asked.get("id", ""))
        found = await self.found(application, conversation_id)
        history = await self._sources.rules_history(application, conversation_id)
        since_ms = _first_ms(found.document)
        self._timelines.read(
            (application, conversation_id),
            lambda: ConversationHistory(
                self._connection, self._rules, history, application, conversation_id, since_ms
            ),
        )
        return {"reading": True}

    async def timeline(self, request: Request) -> dict[str, Any]:
        """How far the log is read, and once it is, the conversation's events."""
        application = application_of(user_of(request.scope))
        key = application, request.query_params.get("id", "")
        history = self._timelines.find(key)
        error = self._timelines.error(key)
        if error is not None:
            raise error
        if history is None:
            raise PageRefusal(404, "The log is not read for this conversation; read it again.")
        progress, reading = history.progress(), self._timelines.is_reading(key)
        answer: dict[str, Any] = {**progress._asdict(), "reading": reading, "events": []}
        if not reading:
            await self._refuse_erased(key, history)
            events = await asyncio.to_thread(history.events)
            answer["events"] = [event_view(event) for event in events[-_MOST_EVENTS:]]
            answer["left_out"] = max(0, len(events) - _MOST_EVENTS)
        return answer

    async def _shown(self, request: Request) -> tuple[FoundConversation, int | None]:
        application, asked = application_of(user_of(request.scope)), request.query_params
        conversation_id = asked.get("id", "")
        if not asked.get("at"):
            return await self.found(application, conversation_id), None
        offset = number("at", asked["at"], 1 << 62)
        key = application, conversation_id
        history = self._timelines.find(key)
        if history is None:
            raise PageRefusal(409, "The log must be read first.")
        await self._refuse_erased(key, history)
        try:
            state = await asyncio.to_thread(history.state_at, offset)
        except NotFoundError:
            raise PageRefusal(404, "The conversation had not begun by then.") from None
        return FoundConversation(document_of(state), "log", excluded(state)), offset

    async def _refuse_erased(self, key: tuple[str, str], history: ConversationHistory) -> None:
        """Refuse a conversation that was erased, also since its log was read."""
        gone = True if self._decisions.is_erased(*key) else await self._sources.is_erased(*key)
        if gone is None:  # not live any more: the end of the log says it
            await asyncio.to_thread(history.read, _CATCH_UP_S)
        if gone or history.erased_ms is not None:
            self._timelines.forget(key)
            raise erased()


def _place(kind: Any, text: str | None) -> Any:
    if not text:
        return None
    try:
        return kind.parse(text)
    except ValueError as error:
        raise PageRefusal(422, f"place {error}; search again.") from None


def _first_ms(document: Mapping[str, Any]) -> int | None:
    """A time before the arrival of a conversation's first event; None if its document does not say it."""
    moments = [document.get("started_at"), *(message.get("occurred_at") for message in document["messages"])]
    known = [moment for moment in map(milliseconds, moments) if moment is not None]
    return max(0, min(known) - _MARGIN_MS) if known else None
