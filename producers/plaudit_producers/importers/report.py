"""The report of an import: JSON lines on what was refused, what has a note, and what was not taken."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, TextIO

from plaudit_schemas.errors import SettingsError

from plaudit_producers.importers.model import Place

_EXAMPLES: Final = 3  # printed at the end of the import
_EXAMPLES_ALONE: Final = 20  # where no report has the others
_FIELDS: Final = 1000  # bounds the memory, where keys that are data are taken for names
_OTHER_FIELDS: Final = "(other fields)"


class ImportReport:
    """Counts what an import did not take, and writes it to a file. Without any, no file is created.

    Attributes:
        path: the report's file; None keeps counts and examples only.
        bad: number of refused records.
        noted: number of records with notes.
        rest_unread: whether the imported file could not be read to its end.
        examples: the first reasons, with their lines.
        note_examples: the first notes, with their lines.
        fields: for each field that was not taken, by its path: how often it was there, and on which line
            first.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._shown = _EXAMPLES_ALONE if path is None else _EXAMPLES
        self.bad = self.noted = 0
        self.rest_unread = False
        self.examples: list[str] = []
        self.note_examples: list[str] = []
        self.fields: dict[str, tuple[int, int]] = {}
        self._file: TextIO | None = None
        self._noted_place: Place | None = None

    def add_refused(self, place: Place, reason: str, *, rest_unread: bool = False) -> None:
        """Report a record that was refused.

        Raises:
            SettingsError: the report cannot be written.
        """
        self.bad += 1
        self.rest_unread |= rest_unread
        if len(self.examples) < self._shown:
            self.examples.append(f"line {place.line}: {reason}")
        self._write(place, "refused", reason)

    def add_note(self, place: Place, text: str) -> None:
        """Report a note on a record that was sent. The notes of a record must follow each other.

        Raises the same error as `add_refused`.
        """
        if place != self._noted_place:
            self.noted, self._noted_place = self.noted + 1, place
            if len(self.note_examples) < self._shown:
                self.note_examples.append(f"line {place.line}: {text}")
        self._write(place, "noted", text)

    def add_unread(self, place: Place, paths: Iterable[str]) -> None:
        """Count fields of a record that was sent, which the importer did not take."""
        for path in paths:
            name = path if path in self.fields or len(self.fields) < _FIELDS else _OTHER_FIELDS
            count, line = self.fields.get(name, (0, place.line))
            self.fields[name] = count + 1, line

    def most_frequent_fields(self) -> list[tuple[str, int, int]]:
        """Return path, count and first line of each field that was not taken, the most frequent first."""
        fields = [(path, count, line) for path, (count, line) in self.fields.items()]
        return sorted(fields, key=lambda each: (-each[1], each[0]))

    def close(self) -> None:
        """Write the fields that were not taken, and close the report's file.

        Raises the same error as `add_refused`.
        """
        for path, count, line in self.most_frequent_fields():
            self._write_line({"line": line, "outcome": "not taken", "field": path, "count": count})
        if self._file is not None:
            self._file.close()

    def _write(self, place: Place, outcome: str, reason: str) -> None:
        self._write_line({"record": place.number, "line": place.line, "outcome": outcome, "reason": reason})

    def _write_line(self, line: dict[str, Any]) -> None:
        if self.path is None:
            return
        try:
            if self._file is None:
                # A reason may quote half a surrogate pair, which UTF-8 cannot encode.
                self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise SettingsError(f"the report {self.path} cannot be written: {error.strerror}") from None
