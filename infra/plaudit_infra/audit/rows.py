"""Compares rows with the records that they come from, range by range of one partition."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.files import read_footer
from plaudit_consumers.datasets.sources import LiveRoot, PublishedFile
from plaudit_consumers.rows.earlier import completed_table
from plaudit_consumers.rows.finished_reader import SUBSET_OF
from plaudit_consumers.rows.schemas import RECORDS, Subset
from plaudit_consumers.rows.times import with_readable_times
from plaudit_consumers.sink.layout import FileSpan

from plaudit_infra.audit.finished import FinishedRecord
from plaudit_infra.audit.range_rows import FoundRows, RangeRows
from plaudit_infra.audit.report import Account, Difference
from plaudit_infra.audit.sink_positions import position_of

CHUNK_BYTES: Final = 4 << 20  # of records that become one expected table, or CHUNK_RECORDS of them
CHUNK_RECORDS: Final = 500
GROUP_BYTES: Final = 16 << 20  # of a batch of rows that is read from a file


class RowsCheck:
    """Rebuilds every row of one partition from the finished topic, and compares.

    Memory: the rows of about `CHUNK_BYTES` of records and a few batches of the files, and a hash for each row
    of a file that differs.
    """

    def __init__(
        self,
        root: LiveRoot,
        files: Mapping[Subset, Sequence[PublishedFile]],
        marker: bytes | None,
        work: Path,
        account: Account,
        *,
        since_ms: int = 0,
    ) -> None:
        """Prepare the check of one partition.

        Args:
            files: the files of the partition.
            marker: the content of the sink's marker, read before the files were listed.
            work: a folder for copies of remote files, of one range at a time.
            since_ms: files of records that Kafka took before this time may have been deleted.
        """
        self._root, self._marker, self._work, self._account = root, marker, work, account
        self._files = {subset: {file.span: file for file in some} for subset, some in files.items()}
        self._pending: FinishedRecord | None = None
        self._first, self._since_ms = 0, since_ms
        self.unchecked: list[str] = []

    def compare(self, finished: Iterator[FinishedRecord], first: int) -> Iterator[Difference]:
        """Every difference. It reads `finished` to its end, and sets the account's rows and sink position.

        Args:
            finished: what the sink must write, in order.
            first: the first offset of the finished topic. Rows of older files are counted, not compared.
        """
        self._first = first
        marker = position_of(self._marker) or 0
        if self._marker is not None and position_of(self._marker) is None:
            self.unchecked.append(f"partition {self._account.partition}: the sink's marker is damaged")
        spans = self._committed_spans(marker)
        self._account.sink_position = max([marker, *[span.last + 1 for span in spans]])
        for span in spans:
            yield from self._without_rows(self._until(finished, span.first - 1), RECORDS)
            yield from self._range(span, finished)
        yield from self._without_rows(self._until(finished, self._account.sink_position - 1), RECORDS)
        for _ in self._until(finished, None):
            pass  # the sink has not written these yet

    def _committed_spans(self, marker: int) -> list[FileSpan]:
        """The ranges of all files of records, in order, without one whose commit is still to come."""
        canonical, amendments = self._files["conversations"], self._files["amendments"]
        spans = sorted({*canonical, *amendments}, key=lambda span: span.first)
        if spans and spans[-1] not in canonical and spans[-1].last >= marker:
            file = amendments[spans[-1]]
            with suppress(SourceFileError):  # a damaged one is compared, and is a difference then
                path = self._root.local_path(file, self._work)
                if read_footer("amendments", path).metadata.conversations:
                    self.unchecked.append(f"{file.path}: the sink is publishing its range right now")
                    spans.pop()
        return spans

    def _without_rows(
        self, records: Iterable[FinishedRecord], subsets: Collection[Subset]
    ) -> Iterator[Difference]:
        """A difference for each of these subsets that has records: no file holds their rows."""
        gone: dict[Subset, list[int]] = {subset: [] for subset in subsets}
        for each in records:
            if SUBSET_OF[each.kind] in gone and each.record.timestamp >= self._since_ms:
                gone[SUBSET_OF[each.kind]].append(each.record.offset)
        for subset, offsets in gone.items():
            if offsets:
                self._account.rows_expected[subset] += len(offsets)
                what = f"{len(offsets)} rows are missing: no file holds them"
                yield Difference(subset, self._account.partition, offsets[0], offsets[-1], what)

    def _range(self, span: FileSpan, finished: Iterator[FinishedRecord]) -> Iterator[Difference]:
        files = {subset: self._files[subset].get(span) for subset in RECORDS}
        found = {subset: self._found(subset, file) for subset, file in files.items() if file is not None}
        records = self._until(finished, span.last)
        if span.first < self._first:
            for _ in records:
                pass
            yield from self._older(span, found)
        else:
            rows = RangeRows(found)
            absent = [subset for subset in RECORDS if subset not in found]
            yield from self._without_rows(_expected(rows, records), absent)
            for subset, count, expected, differences in rows.results():
                self._account.rows[subset] += count
                self._account.rows_expected[subset] += expected
                for what in differences:
                    yield self._difference(subset, span, what)
        for copied in self._work.rglob("*.parquet"):
            copied.unlink()

    def _older(self, span: FileSpan, found: Mapping[Subset, FoundRows]) -> Iterator[Difference]:
        """Count the rows of a range whose records the topic no longer has. Only damage can be told."""
        path = next(self._files[subset][span].path for subset in found)
        self.unchecked.append(
            f"{path}: older than the finished topic; the rows of its range are only counted"
        )
        for subset, rows in found.items():
            count, damage = _count_rows(rows)
            self._account.rows[subset] += count
            self._account.rows_expected[subset] += count
            if damage:
                yield self._difference(subset, span, damage)

    def _found(self, subset: Subset, file: PublishedFile) -> FoundRows:
        try:
            path = self._root.local_path(file, self._work)
            metadata, schema = read_footer(subset, path)
        except SourceFileError as error:
            return FoundRows(damage=str(error))
        return FoundRows(schema, tables_of(subset, path), licence=metadata.licence)

    def _until(self, finished: Iterator[FinishedRecord], last: int | None) -> Iterator[FinishedRecord]:
        """The records up to an offset, or all if it is None. The one after it is kept for the next call."""
        each = self._pending or next(finished, None)
        self._pending = None
        while each is not None:
            if last is not None and each.record.offset > last:
                self._pending = each
                return
            yield each
            each = next(finished, None)

    def _difference(self, subset: Subset, span: FileSpan, what: str) -> Difference:
        return Difference(subset, self._account.partition, span.first, span.last, what)


def _count_rows(rows: FoundRows) -> tuple[int, str | None]:
    """The number of rows as far as the file can be read, and why it cannot be read further."""
    count = 0
    try:
        for table in rows.tables:
            count += table.num_rows
    except SourceFileError as error:
        return count, str(error)
    return count, rows.damage


def _expected(rows: RangeRows, records: Iterable[FinishedRecord]) -> Iterator[FinishedRecord]:
    """The records, which are given to `rows` some at a time."""
    part: list[FinishedRecord] = []
    size = 0
    for each in records:
        part.append(each)
        size += len(each.record.value or b"")
        if size >= CHUNK_BYTES or len(part) >= CHUNK_RECORDS:
            rows.expect_records(part)
            yield from part
            part, size = [], 0
    rows.expect_records(part)
    yield from part


def tables_of(subset: Subset, path: Path) -> Iterator[Any]:
    """A file's rows as tables of today's schema, in order.

    Raises:
        SourceFileError: the file is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            size = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
            each = max(1, size // max(1, metadata.num_rows))
            for batch in file.iter_batches(max(1, min(2000, GROUP_BYTES // each))):
                batch.validate(full=True)  # damaged bytes may still decompress, but not to valid text
                # An older sink wrote times that no reader can hold; today they are null, as in the rows.
                yield completed_table(subset, with_readable_times(pa.Table.from_batches([batch])))
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise SourceFileError(f"{path} cannot be read as Parquet: {reason}") from None
