"""Remembers which conversation each visitor has open, for after a restart: their ids only, in SQLite."""

import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

_KEPT_S: Final = 30 * 86_400
_TABLE: Final = """
CREATE TABLE IF NOT EXISTS open_chats (
    visitor TEXT PRIMARY KEY, conversation_id TEXT NOT NULL, used_at REAL NOT NULL
)
"""


class OpenChats:
    """Conversation ids by visitor, in a file that several processes may share.

    It may be lost: visitors then begin a new conversation. So no error is raised; it is logged.
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = time.time) -> None:
        """Opens the file; None keeps nothing."""
        self._clock = clock
        self._database: sqlite3.Connection | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600)  # whoever knows a visitor's cookie is that visitor
            self._database = sqlite3.connect(path, timeout=1.0, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_TABLE)
            self._database.execute("DELETE FROM open_chats WHERE used_at < ?", (clock() - _KEPT_S,))
        except (OSError, sqlite3.Error) as error:
            log.warning("open chats are not kept in %s, and a restart forgets them: %s", path, error)
            self._database = None

    def note(self, visitor: str, conversation_id: str | None) -> None:
        """Note the conversation that a visitor goes on with; None if it has ended."""
        if conversation_id is None:
            self._run("DELETE FROM open_chats WHERE visitor = ?", visitor)
        else:
            self._run(
                "INSERT OR REPLACE INTO open_chats VALUES (?, ?, ?)", visitor, conversation_id, self._clock()
            )

    def find(self, visitor: str, within_s: float) -> str | None:
        """The visitor's conversation, if they used it in the last `within_s` seconds."""
        rows = self._run("SELECT conversation_id, used_at FROM open_chats WHERE visitor = ?", visitor)
        if not rows or self._clock() - rows[0][1] > within_s:
            return None
        return str(rows[0][0])

    def close(self) -> None:
        """Close the file."""
        if self._database is not None:
            self._database.close()
            self._database = None

    def _run(self, statement: str, *values: str | float) -> list[tuple[str, float]]:
        if self._database is None:
            return []
        try:
            return self._database.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            log.warning("an open chat could not be looked up or kept: %s", error)
            return []
