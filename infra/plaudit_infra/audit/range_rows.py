"""Compares the two files of one range of the finished topic with the rows that must be in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.rows.amendments import amendment_table
from plaudit_consumers.rows.canonical import canonical_table
from plaudit_consumers.rows.earlier import as_earlier
from plaudit_consumers.rows.finished_reader import SUBSET_OF
from plaudit_consumers.rows.schemas import RECORDS, Subset

from plaudit_infra.audit.finished import FinishedRecord
from plaudit_infra.audit.row_comparison import RowComparison


class FoundRows(NamedTuple):
    """The rows of one file.

    Attributes:
        schema: of the file, which an earlier version may have written; None without a file that can be read.
        licence: what its sink gave as the licence of conversations without one of their own.
        damage: why the file cannot be read, if so.
    """

    schema: Any = None
    tables: Iterable[Any] = ()
    damage: str | None = None
    licence: str | None = None


class RangeResult(NamedTuple):
    """What was found of one subset: the numbers of rows, and what differs."""

    subset: Subset
    found: int
    expected: int
    differences: list[str]


class RangeRows:
    """Takes what must be in the files of a range, and tells what differs."""

    def __init__(self, found: Mapping[Subset, FoundRows]) -> None:
        """Read no rows yet.

        Args:
            found: what the file of each subset holds that is compared.
        """
        self._licence = found["conversations"].licence if "conversations" in found else None
        self._schemas = {subset: rows.schema for subset, rows in found.items()}
        self._damages = {subset: [rows.damage] if rows.damage else [] for subset, rows in found.items()}
        self._comparisons = {
            subset: RowComparison(_sound(rows.tables, self._damages[subset]))
            for subset, rows in found.items()
        }

    def expect_records(self, records: Sequence[FinishedRecord]) -> None:
        """Add the next records of the range. They count for the subsets that are compared."""
        parts: dict[Subset, list[Any]] = {subset: [] for subset in RECORDS}
        for each in records:
            parts[SUBSET_OF[each.kind]].append((each.record, each.content))
        if parts["amendments"] and "amendments" in self._comparisons:
            self._expect("amendments", amendment_table(parts["amendments"]))
        if parts["conversations"] and "conversations" in self._comparisons:
            self._expect("conversations", canonical_table(parts["conversations"], self._licence))

    def results(self) -> Iterator[RangeResult]:
        """The result of each subset that was compared. Call it after the last record."""
        for subset, comparison in self._comparisons.items():
            found = list(comparison.differences())
            texts = [f"source offset {each.source_offset}: {each.what}" for each in found]
            # One difference is enough for a file that is damaged: its rows would be another each.
            texts = self._damages[subset][:1] or texts
            yield RangeResult(subset, comparison.found, comparison.expected, texts)

    def _expect(self, subset: Subset, table: Any) -> None:
        schema = self._schemas[subset]
        self._comparisons[subset].expect_rows(table if schema is None else as_earlier(subset, table, schema))


def _sound(tables: Iterable[Any], damage: list[str]) -> Iterator[Any]:
    """The tables of a file as far as it can be read. The reason why it cannot goes into `damage`."""
    try:
        yield from tables
    except SourceFileError as error:
        damage.append(str(error))
