"""Compares rows with the finished conversations that they come from, file by file of one partition."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.files import read_footer
from plaudit_consumers.datasets.sources import LiveRoot, PublishedFile
from plaudit_consumers.rows.canonical import canonical_table
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.schemas import SUBSETS, TRAINING, Subset
from plaudit_consumers.sink.files.metadata import FileMetadata

from plaudit_infra.audit.finished import FinishedConversation
from plaudit_infra.audit.report import Account, Difference
from plaudit_infra.audit.row_comparison import RowComparison
from plaudit_infra.audit.sink_positions import position_of

CHUNK_BYTES: Final = 4 << 20  # of records that become one expected table, or CHUNK_RECORDS of them
CHUNK_RECORDS: Final = 500
GROUP_BYTES: Final = 16 << 20  # of a batch of rows that is read from a file


class RowsCheck:
    """Rebuilds every row of one partition from the finished topic with `rows.derive`, and compares.

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
        self._pending: FinishedConversation | None = None
        self._first, self._since_ms = 0, since_ms
        self.unchecked: list[str] = []

    def compare(self, finished: Iterator[FinishedConversation], first: int) -> Iterator[Difference]:
        """Every difference. It reads `finished` to its end, and sets the account's rows and sink position.

        Args:
            finished: what the sink must write, in order.
            first: the first offset of the finished topic. Of older files only the training rows are compared.
        """
        self._first = first
        marker = position_of(self._marker) or 0
        if self._marker is not None and position_of(self._marker) is None:
            self.unchecked.append(f"partition {self._account.partition}: the sink's marker is damaged")
        canonical = sorted(self._files["conversations"].values(), key=lambda file: file.span.first)
        self._account.sink_position = max([marker, *[file.span.last + 1 for file in canonical]])
        for span in {file.span for subset in TRAINING for file in self._files[subset].values()}:
            if span not in self._files["conversations"]:
                yield self._difference(
                    "conversations", span.first, span.last, "training rows without their canonical file"
                )
        for file in canonical:
            yield from self._without_rows(finished, file.span.first)
            # Training files are listed before the canonical ones. Of a range beyond the marker, the sink may
            # have published some of them since, so that they are missing in the list.
            yield from self._file(file, finished, committing=file.span.last >= marker)
        yield from self._without_rows(finished, self._account.sink_position)
        for _ in self._until(finished, None):
            pass  # the sink has not written these yet

    def _without_rows(self, finished: Iterator[FinishedConversation], before: int) -> Iterator[Difference]:
        gone = self._until(finished, before - 1)
        offsets = [each.record.offset for each in gone if each.record.timestamp >= self._since_ms]
        if offsets:
            self._account.rows_expected["conversations"] += len(offsets)
            yield self._difference(
                "conversations",
                offsets[0],
                offsets[-1],
                f"{len(offsets)} rows are missing: no file holds them",
            )

    def _file(
        self, file: PublishedFile, finished: Iterator[FinishedConversation], *, committing: bool
    ) -> Iterator[Difference]:
        try:
            path = self._root.local_path(file, self._work)
            metadata = read_footer("conversations", path)
        except SourceFileError as error:
            skipped = sum(1 for _ in self._until(finished, file.span.last))
            yield self._of_file("conversations", file, f"{error} ({skipped} records)")
            return
        if file.span.first < self._first:
            self.unchecked.append(
                f"{file.path}: older than the finished topic; only its training rows are compared"
            )
            for _ in self._until(finished, file.span.last):
                pass
            tables = _tables(path)
        else:
            tables = self._expected(finished, file, metadata)
        yield from self._compare_tables(file, path, metadata, tables, committing=committing)
        for copied in self._work.rglob("*.parquet"):
            copied.unlink()

    def _expected(
        self, finished: Iterator[FinishedConversation], file: PublishedFile, metadata: FileMetadata
    ) -> Iterator[Any]:
        part: list[FinishedConversation] = []
        size = 0
        for each in self._until(finished, file.span.last):
            part.append(each)
            size += len(each.record.value or b"")
            if size >= CHUNK_BYTES or len(part) >= CHUNK_RECORDS:
                yield canonical_table(part, metadata.settings.training_licence)
                part, size = [], 0
        if part:
            yield canonical_table(part, metadata.settings.training_licence)

    def _compare_tables(
        self,
        file: PublishedFile,
        path: Path,
        metadata: FileMetadata,
        tables: Iterable[Any],
        *,
        committing: bool,
    ) -> Iterator[Difference]:
        found = {subset: self._files[subset].get(file.span) for subset in TRAINING}
        damages: dict[Subset, list[str]] = {subset: [] for subset in SUBSETS}
        comparisons = {"conversations": RowComparison(_sound(_tables(path), damages["conversations"]))}
        for subset in TRAINING:
            comparisons[subset] = RowComparison(_sound(self._found(subset, found[subset]), damages[subset]))
        source: list[str] = []
        for table in _sound(tables, source):
            comparisons["conversations"].expect_rows(table)
            for subset, rows in derive(table, metadata.settings):
                comparisons[subset].expect_rows(rows)
        if source:  # the canonical file is damaged: the other files cannot be checked against it
            yield self._of_file("conversations", file, source[0])
            return
        for subset in SUBSETS:
            different = list(self._differences(subset, file, comparisons[subset]))
            if damages[subset]:
                yield self._of_file(subset, file, damages[subset][0])
            elif different and committing and subset != "conversations" and found[subset] is None:
                self.unchecked.append(f"{subset} of {file.path}: the sink is publishing it right now")
            else:
                yield from different

    def _differences(
        self, subset: Subset, file: PublishedFile, comparison: RowComparison
    ) -> Iterator[Difference]:
        differences = list(comparison.differences())
        self._account.rows[subset] += comparison.found
        self._account.rows_expected[subset] += comparison.expected
        for each in differences:
            what = f"source offset {each.source_offset}: {each.what}"
            yield self._of_file(subset, file, what)

    def _found(self, subset: Subset, file: PublishedFile | None) -> Iterator[Any]:
        if file is None:
            return
        path = self._root.local_path(file, self._work)
        read_footer(subset, path)
        yield from _tables(path)

    def _until(
        self, finished: Iterator[FinishedConversation], last: int | None
    ) -> Iterator[FinishedConversation]:
        """The records up to an offset, or all if it is None. The one after it is kept for the next call."""
        each = self._pending or next(finished, None)
        self._pending = None
        while each is not None:
            if last is not None and each.record.offset > last:
                self._pending = each
                return
            yield each
            each = next(finished, None)

    def _of_file(self, account: str, file: PublishedFile, what: str) -> Difference:
        return self._difference(account, file.span.first, file.span.last, what)

    def _difference(self, account: str, first: int, last: int, what: str) -> Difference:
        return Difference(account, self._account.partition, first, last, what)


def _sound(tables: Iterable[Any], damage: list[str]) -> Iterator[Any]:
    """The tables of a file as far as it can be read. The reason why it cannot goes into `damage`."""
    try:
        yield from tables
    except SourceFileError as error:
        damage.append(str(error))


def _tables(path: Path) -> Iterator[Any]:
    """A file's rows as tables, in order.

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
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise SourceFileError(f"{path} cannot be read as Parquet: {reason}") from None
