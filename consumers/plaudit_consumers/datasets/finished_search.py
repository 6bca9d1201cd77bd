"""Finds finished conversations in the sink's files, newest files first, some at a time.

Only the latest revision of a conversation is found, and none that was erased.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, NamedTuple

import duckdb

from plaudit_consumers.datasets.errors import SnapshotError, SourceFileError, first_line
from plaudit_consumers.datasets.queries import literal_paths, sql
from plaudit_consumers.datasets.searching import bounded_connection
from plaudit_consumers.datasets.sources import LiveRoot, PublishedFile
from plaudit_consumers.rows.times import with_readable_times

_MOST_FILES: Final = 200
_MOST_BYTES: Final = 256 << 20
_SECONDS: Final = 20.0
_CONDITIONS: Final = {
    "conversation_id": "conversation_id = getvariable('conversation_id')",
    "users": "list_contains(getvariable('users'), user_id)",
    "model": (
        "(model.id = getvariable('model') OR concat(model.id, '@', model.version) = getvariable('model')"
        " OR len(list_filter(messages, lambda m: m.model.id = getvariable('model')"
        " OR concat(m.model.id, '@', m.model.version) = getvariable('model'))) > 0)"
    ),
    "low_rating": (
        "len(list_filter(feedback, lambda f: f.thumb = false"
        " OR 2 * f.number < coalesce(f.minimum, 0) + coalesce(f.maximum, 1))) > 0"
    ),
}


@dataclass(frozen=True, slots=True)
class ConversationCriteria:
    """What a conversation must have. Every condition that is given must hold.

    Attributes:
        users: ids of which its user has one.
        model: the id of a model that answered, or `id@version`.
        low_rating: a thumb down, or a number in the lower half of its scale, by anybody.
        words: each occurs in a message, in upper or lower case.
    """

    conversation_id: str | None = None
    users: tuple[str, ...] = ()
    model: str | None = None
    low_rating: bool = False
    words: tuple[str, ...] = ()


class FilePlace(NamedTuple):
    """Where a search stopped: files up to this name are done, and so many rows of the next ones."""

    after: str
    skip: int

    def text(self) -> str:
        """The place as a text for a link."""
        return f"{self.skip}~{self.after}"

    @classmethod
    def parse(cls, text: str) -> "FilePlace":
        """The place of a text.

        Raises:
            ValueError: it is none.
        """
        skip, tilde, after = text.partition("~")
        if not tilde or not skip.isascii() or not skip.isdigit() or len(skip) > 9:
            raise ValueError("is no place of a search")
        return cls(after, int(skip))


class FinishedFound(NamedTuple):
    """What one search found.

    Attributes:
        rows: rows of `conversations`, newest first.
        files: how many files it has searched, out of `of`, with those of the searches before it.
        place: where to go on; None at the end.
        reached_day: the day of the oldest file that it searched.
    """

    rows: list[dict[str, Any]]
    files: int
    of: int
    place: FilePlace | None
    reached_day: str | None


class FinishedSearch:
    """Searches the canonical files of a local root. Each call blocks, takes at most 512 MB and 20 seconds."""

    def __init__(self, root: str) -> None:
        """Reads nothing yet."""
        self._root = root

    def find(
        self, application: str, criteria: ConversationCriteria, limit: int, place: FilePlace | None = None
    ) -> FinishedFound:
        """Search the next files.

        Args:
            limit: the most rows.
            place: where an earlier search stopped.

        Raises:
            SourceFileError: the root or one of its files cannot be read.
            SnapshotError: the search took too long.
        """
        files = self._files()
        done = [] if place is None else [file for file in files if _order(file) >= place.after]
        chunk = list(_chunk(files[len(done) :]))
        if not chunk:
            return FinishedFound([], len(files), len(files), None, None)
        skip = 0 if place is None else place.skip
        with self._database() as database:
            _set(database, application, criteria, chunk, (limit + 1, skip))
            rows = _rows(database, sql("find_conversations", condition=_condition(criteria)))
            more = len(rows) > limit
            rows = rows[:limit]
            kept = _latest(database, rows, [*done, *chunk])
        after = place.after if more and place else "" if more else _order(chunk[-1])
        following: FilePlace | None = FilePlace(after or _FIRST, skip + limit if more else 0)
        passed = len(done) + (0 if more else len(chunk))
        if passed == len(files):
            following = None
        return FinishedFound(kept, passed, len(files), following, chunk[-1].span.day)

    def get(self, application: str, conversation_id: str) -> dict[str, Any] | None:
        """The latest revision of a conversation; None if there is none, or it was erased.

        Raises: as `find` does. It may take three times as long.
        """
        place: FilePlace | None = None
        ends = time.monotonic() + 3 * _SECONDS
        while True:
            if time.monotonic() > ends:
                raise _too_slow()
            found = self.find(application, ConversationCriteria(conversation_id), 1, place)
            if found.rows or found.place is None:
                return next(iter(found.rows), None)
            place = found.place

    def _files(self) -> list[PublishedFile]:
        """All canonical files, the newest first."""
        if "://" in self._root:
            raise SourceFileError(
                "finished conversations are found in local roots only; this one is in an object store"
            )
        return sorted(LiveRoot(self._root).files()["conversations"], key=_order, reverse=True)

    @contextmanager
    def _database(self) -> Iterator[duckdb.DuckDBPyConnection]:
        with bounded_connection(Path(self._root).resolve()) as database:
            timer = threading.Timer(_SECONDS, database.interrupt)
            timer.start()
            try:
                yield database
            except duckdb.InterruptException:
                raise _too_slow() from None
            except duckdb.OutOfMemoryException:
                raise SnapshotError("the search needs too much memory; ask for less, such as an id") from None
            except duckdb.Error as error:
                raise SourceFileError(f"a file of {self._root} cannot be read: {first_line(error)}") from None
            finally:
                timer.cancel()


def _too_slow() -> SnapshotError:
    return SnapshotError(f"the search took longer than {_SECONDS:.0f} seconds; ask for less, such as a model")


_FIRST: Final = "~"
"""Sorts after every name, so that no file is done."""


def _order(file: PublishedFile) -> str:
    span = file.span
    return f"{span.day}/{span.first:020d}/{span.partition:06d}"


def _chunk(files: Sequence[PublishedFile]) -> Iterator[PublishedFile]:
    size = 0

    def fits(numbered: tuple[int, PublishedFile]) -> bool:
        nonlocal size
        size += Path(numbered[1].path).stat().st_size
        return numbered[0] == 0 or size <= _MOST_BYTES

    for _, file in takewhile(fits, enumerate(files[:_MOST_FILES])):
        yield file


def _set(
    database: duckdb.DuckDBPyConnection,
    application: str,
    criteria: ConversationCriteria,
    files: Sequence[PublishedFile],
    limits: tuple[int, int],
) -> None:
    paths = [str(Path(file.path).resolve()) for file in files]
    database.execute("SET VARIABLE files = CAST(? AS VARCHAR[])", [literal_paths(paths)])
    database.execute("SET VARIABLE users = CAST(? AS VARCHAR[])", [list(criteria.users)])
    values: dict[str, Any] = {
        "application": application,
        "conversation_id": criteria.conversation_id,
        "model": criteria.model,
        "row_limit": limits[0],
        "row_skip": limits[1],
        **{f"word_{number}": word for number, word in enumerate(criteria.words)},
    }
    for name, value in values.items():
        database.execute(f"SET VARIABLE {name} = ?", [value])


def _condition(criteria: ConversationCriteria) -> str:
    parts = [condition for name, condition in _CONDITIONS.items() if getattr(criteria, name)]
    parts += [
        f"contains(_text, lower(nfc_normalize(getvariable('word_{at}'))))"
        for at in range(len(criteria.words))
    ]
    return " AND ".join(parts) or "true"


def _rows(database: duckdb.DuckDBPyConnection, query: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = with_readable_times(database.sql(query).to_arrow_table()).to_pylist()
    return rows


def _latest(
    database: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]], files: Sequence[PublishedFile]
) -> list[dict[str, Any]]:
    """The rows that no later row replaces or erases. A later one lies in a file that is as new, or newer."""
    if not rows:
        return []
    paths = [str(Path(file.path).resolve()) for file in files]
    database.execute("SET VARIABLE files = CAST(? AS VARCHAR[])", [literal_paths(paths)])
    ids = [row["conversation_id"] for row in rows]
    database.execute("SET VARIABLE ids = CAST(? AS VARCHAR[])", [ids])
    newest = {each["conversation_id"]: each for each in _rows(database, sql("newest_revisions"))}
    return [
        row
        for row in rows
        if (known := newest[row["conversation_id"]])["record_offset"] == row["record_offset"]
        and not known["erased"]
    ]
