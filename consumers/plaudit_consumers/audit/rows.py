"""Rows beside the finished conversations that they must come from, file by file of one partition."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.audit.finished import Finished
from plaudit_consumers.audit.positions import position_of
from plaudit_consumers.audit.report import Account, Difference
from plaudit_consumers.audit.streams import Streams
from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.datasets.files import read_footer
from plaudit_consumers.datasets.sources import LiveRoot, Published
from plaudit_consumers.rows.canonical import Recorded, conversations
from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.schemas import SUBSETS, TRAINING, Subset
from plaudit_consumers.sink.parquet import FileMetadata

CHUNK_BYTES: Final = 4 << 20
CHUNK_RECORDS: Final = 500
GROUP_BYTES: Final = 16 << 20


class RowsCheck:
    """Every row of one partition, rebuilt from the finished topic by `rows.derive`.

    Memory: the rows of some CHUNK_BYTES of records and a few batches of files; where a file differs, a hash
    for each of its rows.
    """

    def __init__(
        self,
        root: LiveRoot,
        files: Mapping[Subset, Sequence[Published]],
        marker: bytes | None,
        work: Path,
        account: Account,
        *,
        since_ms: int = 0,
    ) -> None:
        """What the check needs.

        Args:
            files: those of the partition.
            marker: the sink's, read before the files were listed.
            work: a folder for copies of remote files, of one range at a time.
            since_ms: files of records that Kafka took before may have been deleted.
        """
        self._root, self._marker, self._work, self._account = root, marker, work, account
        self._files = {subset: {file.place: file for file in some} for subset, some in files.items()}
        self._pending: Finished | None = None
        self._first, self._since_ms = 0, since_ms
        self.unchecked: list[str] = []

    def check(self, finished: Iterator[Finished], first: int) -> Iterator[Difference]:
        """Every difference; takes `finished` to its end, and sets the account's rows and position.

        Args:
            finished: what the sink must write, in order.
            first: the finished topic's first offset: of what came before, only training rows are compared.
        """
        self._first = first
        marker = position_of(self._marker) or 0
        if self._marker is not None and position_of(self._marker) is None:
            self.unchecked.append(f"partition {self._account.partition}: the sink's marker is damaged")
        canonical = sorted(self._files["conversations"].values(), key=lambda file: file.first)
        self._account.sink_position = max([marker, *[file.last + 1 for file in canonical]])
        for place in {file.place for subset in TRAINING for file in self._files[subset].values()}:
            if place not in self._files["conversations"]:
                yield self._difference(
                    "conversations", place[2:], "training rows without their canonical file"
                )
        for file in canonical:
            yield from self._without_rows(finished, file.first)
            # Training files are listed first: of every range beyond the marker some may have come since.
            yield from self._file(file, finished, committing=file.last >= marker)
        yield from self._without_rows(finished, self._account.sink_position)
        for _ in self._until(finished, None):
            pass  # not yet written

    def _without_rows(self, finished: Iterator[Finished], before: int) -> Iterator[Difference]:
        gone = self._until(finished, before - 1)
        offsets = [each.read.offset for each in gone if each.read.timestamp >= self._since_ms]
        if offsets:
            self._account.rows_expected["conversations"] += len(offsets)
            yield self._difference(
                "conversations",
                (offsets[0], offsets[-1]),
                f"{len(offsets)} rows are missing: no file holds them",
            )

    def _file(
        self, file: Published, finished: Iterator[Finished], *, committing: bool
    ) -> Iterator[Difference]:
        try:
            path = self._root.local(file, self._work)
            metadata = read_footer("conversations", path)
        except SourceFileError as error:
            skipped = sum(1 for _ in self._until(finished, file.last))
            yield self._difference("conversations", file.place[2:], f"{error} ({skipped} records)")
            return
        if file.first < self._first:
            self.unchecked.append(
                f"{file.path}: older than the finished topic; only its training rows are compared"
            )
            for _ in self._until(finished, file.last):
                pass
            tables = _tables(path)
        else:
            tables = self._expected(finished, file, metadata)
        yield from self._compare(file, path, metadata, tables, committing=committing)
        for copied in self._work.rglob("*.parquet"):
            copied.unlink()

    def _expected(
        self, finished: Iterator[Finished], file: Published, metadata: FileMetadata
    ) -> Iterator[Any]:
        part: list[Recorded] = []
        size = 0
        for each in self._until(finished, file.last):
            part.append(Recorded(each.record, each.read.offset, each.read.timestamp))
            size += len(each.read.value or b"")
            if size >= CHUNK_BYTES or len(part) >= CHUNK_RECORDS:
                yield conversations(part, metadata.settings.training_licence)
                part, size = [], 0
        if part:
            yield conversations(part, metadata.settings.training_licence)

    def _compare(
        self, file: Published, path: Path, metadata: FileMetadata, tables: Iterable[Any], *, committing: bool
    ) -> Iterator[Difference]:
        found = {subset: self._files[subset].get(file.place) for subset in TRAINING}
        damages: dict[Subset, list[str]] = {subset: [] for subset in SUBSETS}
        streams = {"conversations": Streams(_sound(_tables(path), damages["conversations"]))}
        for subset in TRAINING:
            streams[subset] = Streams(_sound(self._found(subset, found[subset]), damages[subset]))
        source: list[str] = []
        for table in _sound(tables, source):
            streams["conversations"].expect(table)
            for subset, rows in derive(table, metadata.settings):
                streams[subset].expect(rows)
        if source:  # nothing tells then what the other files should hold
            yield self._difference("conversations", (file.first, file.last), source[0])
            return
        for subset in SUBSETS:
            odds = list(self._odds(subset, file, streams[subset]))
            if damages[subset]:
                yield self._difference(subset, (file.first, file.last), damages[subset][0])
            elif odds and committing and subset != "conversations" and found[subset] is None:
                self.unchecked.append(f"{subset} of {file.path}: the sink is publishing it just now")
            else:
                yield from odds

    def _odds(self, subset: Subset, file: Published, stream: Streams) -> Iterator[Difference]:
        odds = list(stream.odds())
        self._account.rows[subset] += stream.found
        self._account.rows_expected[subset] += stream.expected
        for odd in odds:
            what = f"source offset {odd.source_offset}: {odd.what}"
            yield self._difference(subset, (file.first, file.last), what)

    def _found(self, subset: Subset, file: Published | None) -> Iterator[Any]:
        if file is None:
            return
        path = self._root.local(file, self._work)
        read_footer(subset, path)
        yield from _tables(path)

    def _until(self, finished: Iterator[Finished], last: int | None) -> Iterator[Finished]:
        """The records up to an offset; the one after it is kept for the next call."""
        each = self._pending or next(finished, None)
        self._pending = None
        while each is not None:
            if last is not None and each.read.offset > last:
                self._pending = each
                return
            yield each
            each = next(finished, None)

    def _difference(self, account: str, offsets: tuple[int, ...], what: str) -> Difference:
        return Difference(account, self._account.partition, offsets[0], offsets[1], what)


def _sound(tables: Iterable[Any], damage: list[str]) -> Iterator[Any]:
    """The tables of a file as far as it can be read; `damage` takes why it cannot."""
    try:
        yield from tables
    except SourceFileError as error:
        damage.append(str(error))


def _tables(path: Path) -> Iterator[Any]:
    """A file's rows, in order.

    Raises:
        SourceFileError: it is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            metadata = file.metadata
            size = sum(metadata.row_group(at).total_byte_size for at in range(metadata.num_row_groups))
            each = max(1, size // max(1, metadata.num_rows))
            for batch in file.iter_batches(max(1, min(2000, GROUP_BYTES // each))):
                batch.validate(full=True)  # what is damaged may still be decompressed, to no text
                yield pa.Table.from_batches([batch])
    except (OSError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise SourceFileError(f"{path} cannot be read as Parquet: {reason}") from None
