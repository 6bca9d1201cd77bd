"""The report of an import: JSON lines about the records that were refused or have a note."""

import json
from pathlib import Path
from typing import Final, TextIO

from plaudit_schemas.errors import SettingsError

from plaudit_producers.importers.model import Place

_EXAMPLES: Final = 3  # printed at the end of the import


class ImportReport:
    """Counts refused and noted records, and writes them to a file. Without any, no file is created.

    Attributes:
        path: the report's file; None keeps counts and examples only.
        bad: number of refused records.
        noted: number of records with notes.
        rest_unread: whether the imported file could not be read to its end.
        examples: the first reasons, with their lines.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.bad = self.noted = 0
        self.rest_unread = False
        self.examples: list[str] = []
        self._file: TextIO | None = None
        self._noted_place: Place | None = None

    def add_refused(self, place: Place, reason: str, *, rest_unread: bool = False) -> None:
        """Report a record that was refused.

        Raises:
            SettingsError: the report cannot be written.
        """
        self.bad += 1
        self.rest_unread |= rest_unread
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"line {place.line}: {reason}")
        self._write(place, "refused", reason)

    def add_note(self, place: Place, text: str) -> None:
        """Report a note on a record that was sent. The notes of a record must follow each other.

        Raises the same error as `add_refused`.
        """
        if place != self._noted_place:
            self.noted, self._noted_place = self.noted + 1, place
        self._write(place, "noted", text)

    def close(self) -> None:
        """Close the report's file."""
        if self._file is not None:
            self._file.close()

    def _write(self, place: Place, outcome: str, reason: str) -> None:
        if self.path is None:
            return
        line = {"record": place.number, "line": place.line, "outcome": outcome, "reason": reason}
        try:
            if self._file is None:
                # A reason may quote half a surrogate pair, which UTF-8 cannot encode.
                self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise SettingsError(f"the report {self.path} cannot be written: {error.strerror}") from None
