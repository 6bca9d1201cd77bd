"""Compares two streams of rows that must be equal: by table, and by row after a difference. Pure."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

_NAMES: Final = ("conversation_id", "revision", "event_id", "message_ids", "origin")


class RowDifference(NamedTuple):
    """Rows of one source event that are missing, altered or too many."""

    source_offset: int
    what: str


class RowComparison:
    """Takes expected tables, and gives the differences from those found.

    Memory: a few tables while they are equal, and a hash of each row after the first difference.

    Attributes:
        expected, found: the number of rows of either stream.
    """

    def __init__(self, found: Iterable[Any]) -> None:
        self._source = iter(found)
        self._waiting: deque[Any] = deque()
        self._counts: Counter[bytes] | None = None
        self._known: dict[bytes, tuple[int, str]] = {}
        self.expected = 0
        self.found = 0

    def expect_rows(self, table: Any) -> None:
        """Add the next expected rows."""
        self.expected += table.num_rows
        while table.num_rows and self._counts is None:
            actual = self._next()
            if actual is None:
                self._differ(table)
                return
            size = min(actual.num_rows, table.num_rows)
            if actual.slice(0, size).equals(table.slice(0, size)):
                if size < actual.num_rows:
                    self._waiting.appendleft(actual.slice(size))
                table = table.slice(size)
            else:
                self._waiting.appendleft(actual)
                self._differ(table)
                return
        if table.num_rows:
            self._differ(table)

    def differences(self) -> Iterator[RowDifference]:
        """The differences. Call it after the last expected row."""
        while (actual := self._next()) is not None:
            self._count(actual, -1)
        counts: Counter[bytes] = self._counts or Counter()
        missing = {self._known[row] for row, count in counts.items() if count > 0}
        extra = {self._known[row] for row, count in counts.items() if count < 0}
        for row, count in counts.items():
            if not count:
                continue
            offset, name = self._known[row]
            if count > 0:
                what = "altered" if (offset, name) in extra else "missing"
                yield RowDifference(offset, f"{count} rows of {name} are {what}")
            elif (offset, name) not in missing:
                yield RowDifference(offset, f"{-count} rows of {name} are too many")

    def _next(self) -> Any:
        if self._waiting:
            return self._waiting.popleft()
        table = next(self._source, None)
        if table is not None:
            self.found += table.num_rows
        return table

    def _differ(self, table: Any) -> None:
        """Switch to counting single rows, beginning with those that were read already."""
        self._count(table, 1)
        while self._waiting:
            self._count(self._waiting.popleft(), -1)

    def _count(self, table: Any, sign: int) -> None:
        """Count rows: expected ones up, found ones down. Equal streams end at 0 everywhere."""
        if self._counts is None:
            self._counts = Counter()
        for row in table.to_pylist():
            key = blake2b(repr(row).encode(errors="surrogatepass"), digest_size=16).digest()
            self._counts[key] += sign
            self._known[key] = row["source_offset"], _name(row)


def _name(row: dict[str, Any]) -> str:
    return " ".join(str(row[name]) for name in _NAMES if name in row)
