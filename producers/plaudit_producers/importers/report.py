"""The report of records that were left out, or of which something is to be known: JSON lines."""

import json
from pathlib import Path
from typing import TextIO

from plaudit_schemas.errors import SettingsError

from plaudit_producers.importers.model import Place

EXAMPLES = 3


class Report:
    """Counts and writes; the file is made with its first line.

    Args:
        path: of the report; None keeps counts and first examples only.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.bad = self.noted = 0
        self.rest_unread = False
        self.examples: list[str] = []
        self._file: TextIO | None = None

    def refuse(self, place: Place, reason: str, *, rest_unread: bool = False) -> None:
        """A record that was left out.

        Raises:
            SettingsError: the report cannot be written.
        """
        self.bad += 1
        self.rest_unread |= rest_unread
        if len(self.examples) < EXAMPLES:
            self.examples.append(f"line {place.line}: {reason}")
        self._write(place, "refused", reason)

    def note(self, place: Place, text: str) -> None:
        """Something to know of a record that was taken; raises as `refuse` does."""
        self.noted += 1
        self._write(place, "noted", text)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _write(self, place: Place, outcome: str, reason: str) -> None:
        if self.path is None:
            return
        line = {"record": place.number, "line": place.line, "outcome": outcome, "reason": reason}
        try:
            if self._file is None:
                self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise SettingsError(f"the report {self.path} cannot be written: {error.strerror}") from None
