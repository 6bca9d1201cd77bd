"""One partition of the finished topic on its way into the output.

The steps of a commit, each of which a crash may follow (docs/decisions/0008):

1. Every file is whole on disk aside.
2. The marker claims the range, conditionally: of two sinks one goes on.
3. What cannot be read goes to the dead letters. After the commit nobody reads the range again.
4. The canonical file is published: that is the commit.
5. The training files are published.
6. The marker moves to the end of the range.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.schemas import TRAINING, Subset
from plaudit_consumers.sink.commit.context import PartitionContext
from plaudit_consumers.sink.commit.marker import Marker, MarkerFile
from plaudit_consumers.sink.commit.mending import publish_missing
from plaudit_consumers.sink.commit.open_file import OpenFile
from plaudit_consumers.sink.commit.rotation import FileLimits
from plaudit_consumers.sink.errors import ForeignFileError
from plaudit_consumers.sink.files.metadata import SourcePosition, read_metadata
from plaudit_consumers.sink.layout import FileSpan, marker_path, parse_path

SendDeadLetters = Callable[[Sequence[DeadLetter]], None]
"""Returns once Kafka has them."""


class CommittedRange(NamedTuple):
    """What one commit brought into the output.

    Attributes:
        position: the first offset after it.
        records: how many it covers, those that became no row included.
        rows: of each subset that has some; empty for a range of repeats.
        repeats: records that had been written before.
        stage_seconds: where the time went.
    """

    partition: int
    position: int
    records: int
    rows: dict[Subset, int]
    repeats: int
    dead_letters: list[DeadLetter]
    stage_seconds: dict[str, float]


class SinkPartition:
    """Takes records in order, and commits a file whenever one is full.

    A range that another sink has claimed and not published is written whole, under its name, whatever the
    limits say. Until its last record has come, nothing is committed.

    Attributes:
        position: where the next file begins; None before the first record of a new output.
        next_offset: the offset after the last record taken.
    """

    def __init__(
        self, context: PartitionContext, limits: FileLimits, writer: str, send_dead_letters: SendDeadLetters
    ) -> None:
        """`writer` names this sink in the marker."""
        self._context, self._limits = context, limits
        self._output = context.output
        self._writer, self._send_dead_letters = writer, send_dead_letters
        self._marker = MarkerFile(context.output, marker_path(context.topic.id, context.partition))
        self._file: OpenFile | None = None
        self._source = SourcePosition()
        self._claimed: int | None = None
        self.position: int | None = None
        self.next_offset: int | None = None

    @property
    def held_bytes(self) -> int:
        """Bytes of records in memory."""
        return 0 if self._file is None else self._file.held_bytes

    @property
    def has_claimed_range(self) -> bool:
        """Whether a range that a sink had claimed is still to be written."""
        return self._claimed is not None

    @property
    def earliest_ms(self) -> int | None:
        """The broker's timestamp of the earliest record that was taken and is not in the output yet."""
        return None if self._file is None else self._file.extent.earliest_ms

    def recover(self, canonical: Sequence[str]) -> int | None:
        """Find the position in the output, and finish what a crash left half done.

        Args:
            canonical: paths of this partition's canonical files.

        Returns:
            The offset to read from; None where nothing was ever written.

        Raises:
            ForeignFileError: a file is damaged, or overlaps another.
            SinkFencedError: another sink has the partition.
            OutputUnavailableError: the output cannot be used just now.
        """
        self.discard()
        marker = self._marker.load()
        newest = newest_span(canonical)
        if newest is not None and (marker is None or newest.last >= marker.position):
            # A sink died between the publication of this file and the marker's move.
            publish_missing(self._output, newest, self._context.zstd_level)
            source = read_metadata(self._output, newest.path("conversations")).source
            marker = self._move_marker(newest.last + 1, source)
        self._claimed = marker.claim if marker else None
        self._source = marker.source if marker else SourcePosition()
        self.position = self.next_offset = marker.position if marker else None
        return self.position

    def take_record(self, record: KafkaRecord) -> CommittedRange | None:
        """Take the next record.

        Returns:
            What was committed: the file before, which the record does not belong to, or a claimed range
            that it ends.

        Raises:
            as `commit`.
        """
        if self.next_offset is not None and record.offset < self.next_offset:
            return None
        committed = self._commit_before(record)
        if self._file is None:
            first = record.offset if self.position is None else self.position
            self._file = OpenFile(self._context, first, self._source, record)
        else:
            self._file.hold_record(record)
        self.next_offset = record.offset + 1
        return self.commit() if record.offset == self._claimed else committed

    def spill(self) -> None:
        """Free the memory of the records that are held. Raises as `OpenFile.spill`."""
        if self._file is not None:
            self._file.spill()

    def commit(self) -> CommittedRange | None:
        """Put everything taken so far into the output.

        Returns:
            None where nothing was taken, or where a claimed range has not come to its end: it is dropped.

        Raises:
            UnknownSchemaError, UnknownBodyError: a newer writer's record, to be read after an upgrade.
            LogChangedError: the offsets of the source events went back.
            SinkFencedError: another sink was first; nothing was written twice.
            OutputUnavailableError: the output cannot be used just now; `recover`, and take the records again.
            ServiceUnavailableError: Kafka does not take the dead letters.
        """
        file = self._file
        if file is None:
            return None
        if self._claimed is not None and file.last < self._claimed:
            self.discard()
            return None
        file.finish()
        rows, source, new_rows = file.rows, file.new_rows.source, file.new_rows
        if rows:
            self._claim_range(file)
        self._send_dead_letters(new_rows.dead_letters)
        if rows:
            source = self._publish(file)
        self._move_marker(file.last + 1, source)
        self.discard()  # where another sink had published a file, our copy is still aside
        self._claimed = None
        self.position, self._source = file.last + 1, source
        return CommittedRange(
            partition=self._context.partition,
            position=self.position,
            records=file.extent.records,
            rows=rows,
            repeats=new_rows.repeats,
            dead_letters=new_rows.dead_letters,
            stage_seconds=file.stage_seconds,
        )

    def discard(self) -> None:
        """Drop what is not in the output; whoever has the partition next reads it again."""
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _commit_before(self, record: KafkaRecord) -> CommittedRange | None:
        """Commit the open file if the record belongs to the next one."""
        file = self._file
        if file is None:
            return None
        if self._claimed is None:
            return self.commit() if file.extent.is_full_before(record, self._limits) else None
        if record.offset <= self._claimed:
            return None
        file.last = self._claimed  # the log has lost the end of the claimed range; its name stays
        return self.commit()

    def _claim_range(self, file: OpenFile) -> None:
        self._marker.store(
            Marker(position=file.first, claim=file.last, source=self._source, writer=self._writer)
        )

    def _publish(self, file: OpenFile) -> SourcePosition:
        """Publish the files, the canonical one first; gives the source position after them."""
        span = FileSpan(file.extent.day, self._context.partition, file.first, file.last)
        path = span.path("conversations")
        if not file.publish("conversations", path):
            # Only a sink that made the same claim can have written it.
            publish_missing(self._output, span, self._context.zstd_level)
            return read_metadata(self._output, path).source
        for subset in TRAINING:
            if subset in file.rows:
                file.publish(subset, span.path(subset))
        return file.new_rows.source

    def _move_marker(self, position: int, source: SourcePosition) -> Marker:
        marker = Marker(position=position, source=source, writer=self._writer)
        self._marker.store(marker)
        return marker


def newest_span(canonical: Sequence[str]) -> FileSpan | None:
    """The last of a partition's canonical files.

    Raises:
        ForeignFileError: two files hold the same offsets, or a name is not a sink's.
    """
    spans = sorted((parse_path(path)[1] for path in canonical), key=lambda span: span.first)
    for before, after in pairwise(spans):
        if after.first <= before.last:
            raise ForeignFileError(
                f"{before.path('conversations')} and {after.path('conversations')} hold the same offsets; "
                "move the one that no sink wrote out of the output"
            )
    return spans[-1] if spans else None
