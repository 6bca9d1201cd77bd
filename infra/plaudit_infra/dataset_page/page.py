"""The page's requests: which snapshots there are, rows of one, and exclusions."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from plaudit_consumers.datasets.plan import SPLITS
from plaudit_consumers.datasets.reading import readable
from plaudit_consumers.datasets.searching import (
    FoundRow,
    RowSearch,
    find_rows,
    row_at,
    same_answers,
    words_of,
)
from plaudit_consumers.rows.schemas import SNAPSHOT
from plaudit_consumers.sink.settings import RootSettings
from plaudit_schemas.service.console import ConsoleUser, LoadSettings, PageParts, user_of
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.requests import Request
from starlette.routing import Route

from plaudit_infra.dataset_page.documents import judged_ids, row_document, snapshot_document
from plaudit_infra.dataset_page.exclusions import Exclusions, Target
from plaudit_infra.dataset_page.settings import SnapshotSettings
from plaudit_infra.dataset_page.snapshots import Shelf, ShownSnapshot
from plaudit_infra.page_requests import PageRefusal, answered, choice, json_body, number

PAGE_ROWS: Final = 20
_MOST_SKIPPED: Final = 100_000
_MOST_COPIES: Final = 1_000
_LONGEST_REASON: Final = 2_000
_FAILED: Final = "The exclusion was not sent"
_NO_TEXTS: Final = "Sign in with an API key to read rows: a key shows those of its application."


def create(connection: ConnectionSettings, load: LoadSettings) -> PageParts:
    """The parts of the page. Nothing is read before the first request.

    Raises:
        SettingsError: a setting is wrong.
    """
    shelf = Shelf(load(RootSettings).output, load(SnapshotSettings).snapshots)
    exclusions = Exclusions(connection)
    return parts_of(DatasetPage(shelf, exclusions), exclusions.close)


def parts_of(page: "DatasetPage", close: Callable[[], Awaitable[None]]) -> PageParts:
    """The routes of a page."""
    routes = [
        Route("/snapshots", answered(page.snapshots, _FAILED)),
        Route("/rows", answered(page.rows, _FAILED)),
        Route("/exclusions", answered(page.exclude, _FAILED), methods=["POST"]),
    ]
    return PageParts(routes=routes, close=close)


class DatasetPage:
    """Answers the browser. Users see rows of their own application only."""

    def __init__(self, shelf: Shelf, exclusions: Exclusions) -> None:
        self._shelf, self._exclusions = shelf, exclusions
        # One search holds up to 512 MB, so they wait for each other.
        self._one_at_a_time = asyncio.Semaphore(1)

    async def snapshots(self, request: Request) -> dict[str, Any]:
        """Every snapshot, and what the user may do."""
        user = user_of(request.scope)
        found, problems = await asyncio.to_thread(self._shelf.all)
        return {
            "snapshots": [
                snapshot_document(each.name, each.manifest.as_of, each.manifest.rows) for each in found
            ],
            "problems": list(map(readable, problems)),
            "reads": _NO_TEXTS if user.application is None else None,
            "excludes": may_exclude(user),
        }

    async def rows(self, request: Request) -> dict[str, Any]:
        """Rows of a snapshot that fit."""
        application = _application(user_of(request.scope))
        asked = request.query_params
        snapshot = await self._snapshot(asked.get("snapshot", ""))
        search = RowSearch(
            subset=choice("subset", asked.get("subset", ""), SNAPSHOT),
            split=choice("split", asked["split"], SPLITS) if asked.get("split") else None,
            words=words_of(asked.get("text", "")),
            equal={"application": application},
            limit=PAGE_ROWS + 1,
            skip=number("skip", asked.get("skip", "0"), _MOST_SKIPPED),
        )
        async with self._one_at_a_time:
            found = await asyncio.to_thread(find_rows, snapshot.folder, snapshot.manifest, search)
        return {
            "rows": [self._document(application, row) for row in found[:PAGE_ROWS]],
            "snapshot_id": snapshot.id,
            "more": len(found) > PAGE_ROWS,
        }

    async def exclude(self, request: Request) -> dict[str, Any]:
        """Keep a row's answers, or its conversation, out of later snapshots, or let them in again."""
        user = user_of(request.scope)
        application = _application(user)
        if not may_exclude(user):
            raise PageRefusal(403, "Excluding rows requires a key with the role reviewer.")
        asked = await json_body(request)
        snapshot = await self._snapshot(str(asked.get("snapshot", "")))
        place = str(asked.get("file", "")), number("row", str(asked.get("row", "")), 1 << 40)
        row = await asyncio.to_thread(row_at, snapshot.folder, snapshot.manifest, *place)
        if row is None or row.columns["application"] != application:
            raise PageRefusal(404, "There is no such row.")
        if asked.get("snapshot_id") != snapshot.id:
            raise PageRefusal(409, "Another snapshot has this name by now: nothing was sent; search again.")
        whole = choice("what", str(asked.get("what", "")), ("answer", "conversation")) == "conversation"
        targets = await self._targets(snapshot, row, whole=whole)
        excluded = asked.get("excluded", True) is not False
        reason = str(asked.get("reason", ""))[:_LONGEST_REASON]
        sent = await self._exclusions.send(
            application, targets, excluded=excluded, rater=user.name, reason=reason
        )
        return {"excluded": excluded, "sent": sent}

    async def _targets(self, snapshot: ShownSnapshot, row: FoundRow, *, whole: bool) -> list[Target]:
        own = _own_targets(row, whole=whole)
        if whole or not judged_ids(row.columns):
            return own
        # A row is made of the same answer in every conversation: with one of them left it would come again.
        async with self._one_at_a_time:
            same = await asyncio.to_thread(same_answers, snapshot.folder, snapshot.manifest, row)
        if len(same) > _MOST_COPIES:
            raise PageRefusal(
                422,
                f"{len(same)} conversations have this answer, more than {_MOST_COPIES}; leave it out with "
                "--where when you build.",
            )
        return list(dict.fromkeys([*own, *(Target(*each) for each in same)]))

    def _document(self, application: str, row: FoundRow) -> dict[str, Any]:
        kinds = {"conversation": _own_targets(row, whole=True), "answer": _own_targets(row, whole=False)}
        excluded = (
            kind for kind, targets in kinds.items() if self._exclusions.is_excluded(application, targets)
        )
        return row_document(row, next(excluded, None))

    async def _snapshot(self, name: str) -> ShownSnapshot:
        found = await asyncio.to_thread(self._shelf.find, name)
        if found is None:
            raise PageRefusal(404, "There is no such snapshot; load the page again.")
        return found


def may_exclude(user: ConsoleUser) -> bool:
    """Whether a user may keep rows out of training."""
    return user.application is not None and bool(user.roles & {"reviewer", "lead", "admin"})


def _own_targets(row: FoundRow, *, whole: bool) -> list[Target]:
    conversation, ids = row.columns["conversation_id"], judged_ids(row.columns)
    if whole or not ids:
        return [Target(conversation, None)]
    return [Target(conversation, message_id) for message_id in ids]


def _application(user: ConsoleUser) -> str:
    if user.application is None:
        raise PageRefusal(403, _NO_TEXTS)
    return user.application
