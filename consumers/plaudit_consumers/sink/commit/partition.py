"""Commits one partition of the finished topic to the output.

A commit has these steps, and a crash may follow any of them (docs/decisions/0008):

1. Every file is complete in the scratch folder, and the topic is still the one that the output belongs to.
2. The marker claims the range by a conditional write, so that of two sinks only one continues.
3. Unreadable records go to the dead letters, before the commit because nobody reads the range after it.
4. The file of amendments is published. It is the commit of a range without finished conversations.
5. The canonical file is published. This is the commit of every other range.
6. The marker moves to the end of the range.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from plaudit_schemas.errors import MissingSchemaError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.sink.commit.context import PartitionContext
from plaudit_consumers.sink.commit.file_end import file_end
from plaudit_consumers.sink.commit.marker import Marker, MarkerFile
from plaudit_consumers.sink.commit.open_file import OpenFile
from plaudit_consumers.sink.commit.rotation import FileLimits
from plaudit_consumers.sink.errors import ForeignFileError
from plaudit_consumers.sink.files.metadata import SourcePosition, read_metadata
from plaudit_consumers.sink.layout import FileSpan, marker_path

PUBLISHED_FIRST: Final[tuple[Subset, ...]] = ("amendments", "conversations")
"""The order of the files, the commit last."""
SendDeadLetters = Callable[[Sequence[DeadLetter]], None]
"""Sends dead letters, and returns once Kafka has acknowledged them."""
ConfirmTopic = Callable[[], None]
"""Returns if the topic is still the one that the output belongs to, and else raises LogChangedError."""


class CommitSteps(NamedTuple):
    """The steps of a commit that happen outside the output."""

    send_dead_letters: SendDeadLetters
    confirm_topic: ConfirmTopic


class CommittedRange(NamedTuple):
    """What one commit added to the output.

    Attributes:
        position: the first offset after the range.
        records: how many the range covers, including those that became no row.
        rows: the number of rows of each subset that has any; empty if all records were repeats.
        repeats: how many records had been written before.
        stage_seconds: seconds spent in each stage.
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

    A range that another sink claimed but did not publish becomes one file with just that range, whatever
    the limits say. Nothing is committed before the last record of the range has come.

    Attributes:
        position: where the next file begins; None before the first record of a new output.
        next_offset: the offset after the last record taken.
    """

    def __init__(
        self, context: PartitionContext, limits: FileLimits, writer: str, steps: CommitSteps
    ) -> None:
        """`writer` names this sink in the marker."""
        self._context, self._limits = context, limits
        self._output = context.output
        self._writer, self._steps = writer, steps
        self._marker = MarkerFile(context.output, marker_path(context.topic.id, context.partition))
        self._file: OpenFile | None = None
        self._source = SourcePosition()
        self._claimed: int | None = None
        self._begun = SourcePosition()
        self.position: int | None = None
        self.next_offset: int | None = None

    @property
    def held_bytes(self) -> int:
        """The bytes of the records in memory."""
        return 0 if self._file is None else self._file.held_bytes

    @property
    def is_open(self) -> bool:
        """Whether records were taken that are not in the output yet."""
        return self._file is not None

    @property
    def has_claimed_range(self) -> bool:
        """Whether a range that a sink claimed is still to be written."""
        return self._claimed is not None

    @property
    def earliest_ms(self) -> int | None:
        """The broker's timestamp of the earliest record that was taken but is not in the output yet."""
        return None if self._file is None else self._file.extent.earliest_ms

    def recover(self, files: Sequence[str]) -> int | None:
        """Find the position in the output, and finish a commit that a crash interrupted.

        Args:
            files: paths of this partition's canonical files and files of amendments.

        Returns:
            The offset to read from; None if nothing was ever written.

        Raises:
            ForeignFileError: a file is damaged, or overlaps another.
            SinkFencedError: another sink has the partition.
            OutputUnavailableError: the output cannot be used at the moment.
        """
        self.discard()
        marker = self._marker.load()
        committed, begun = file_end(self._output, files, marker.position if marker else 0)
        if committed is not None:
            # A sink died after it published this file and before it moved the marker.
            source = read_metadata(self._output, committed.path).source
            marker = self._move_marker(committed.span.last + 1, source)
        self._begun = SourcePosition()
        if begun is not None:
            marker = self._marker_of_begun(begun, marker)
            self._begun = read_metadata(self._output, begun.path("amendments")).source
        self._claimed = marker.claim if marker else None
        self._source = marker.source if marker else SourcePosition()
        self.position = self.next_offset = marker.position if marker else None
        return self.position

    def take_record(self, record: KafkaRecord) -> CommittedRange | None:
        """Take the next record.

        Returns:
            What was committed, if anything: the file before the record, or the claimed range that ends with
            it.

        Raises:
            as `commit`.
        """
        # A record that comes again is held or written already.
        if self.next_offset is not None and record.offset < self.next_offset:
            return None
        committed = self._commit_before(record)
        if self._file is None:
            if self._claimed is not None and record.offset > self._claimed:
                self._give_up_claim(self._claimed)
            first = record.offset if self.position is None else self.position
            self._file = OpenFile(self._context, first, self._source, record)
        else:
            self._file.hold_record(record)
        self.next_offset = record.offset + 1
        return self.commit() if record.offset == self._claimed else committed

    def learn_schema(self, record: KafkaRecord) -> None:
        """Ask for the schema of the next record, unless it is known. Call it before `take_record`.

        Raises:
            MissingSchemaError: this sink cannot know it; upgrade the sink, or give it the registry.
            RegistryUnavailableError: the registry cannot be asked now.
        """
        try:
            self._context.reader.learn_schema(record.value or b"")
        except MissingSchemaError as error:
            raise self._context.unreadable(record, error) from None

    def spill(self) -> None:
        """Free the memory of the held records. Raises as `OpenFile.spill`."""
        if self._file is not None:
            self._file.spill()

    def commit(self) -> CommittedRange | None:
        """Commit everything taken so far to the output.

        Returns:
            None if nothing was taken. Also None if the end of a claimed range has not come yet: then its
            records are dropped, to be read again.

        Raises:
            MissingSchemaError, UnknownBodyError: a newer version wrote the record; upgrade the sink.
            RegistryUnavailableError: the registry cannot be asked now. Call `recover`, and take the records
                again.
            LogChangedError: the offsets of the source events went back, or the topic was made anew.
            SinkFencedError: another sink was first; nothing was written twice.
            OutputUnavailableError: the output cannot be used at the moment, or Kafka did not acknowledge the
                dead letters. Call `recover`, and take the records again.
        """
        file = self._file
        if file is None:
            return None
        if self._claimed is not None and file.last < self._claimed:
            self.discard()
            return None
        file.finish()
        self._steps.confirm_topic()
        rows, source, new_rows = file.rows, file.new_rows.source, file.new_rows
        if rows:  # a range without rows needs no file and no claim: the marker moves past it
            self._claim_range(file)
        self._steps.send_dead_letters(new_rows.dead_letters)
        if rows:
            source = self._publish(file)
        self._move_marker(file.last + 1, source)
        self.discard()  # our copy of a file that another sink published is still in the scratch folder
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
        """Drop the records that are not in the output; the next owner of the partition reads them again."""
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
        # The log no longer has the end of the claimed range. The file keeps the name of the claim, because
        # the sink that made the claim may still publish under it.
        file.last = self._claimed
        return self.commit()

    def _give_up_claim(self, claimed: int) -> None:
        """Begin behind a claimed range of which the log has no record left.

        The sink that made the claim may still publish its file. Nobody else writes these records.
        """
        self._source = _furthest([self._source, self._begun])
        self._move_marker(claimed + 1, self._source)
        self.position, self._claimed = claimed + 1, None

    def _claim_range(self, file: OpenFile) -> None:
        self._marker.store(
            Marker(position=file.first, claim=file.last, source=self._source, writer=self._writer)
        )

    def _marker_of_begun(self, begun: FileSpan, marker: Marker | None) -> Marker:
        """The marker that claims a range of which only the amendments are published."""
        if marker is None or (marker.claim is None and marker.position <= begun.first):
            # The marker was lost. Without the claim, the next file might end elsewhere.
            source = marker.source if marker else SourcePosition()
            marker = Marker(position=begun.first, claim=begun.last, source=source, writer=self._writer)
            self._marker.store(marker)
        elif (marker.position, marker.claim) != (begun.first, begun.last):
            raise ForeignFileError(
                f"the marker of partition {self._context.partition} claims another range than "
                f"{begun.path('amendments')}, which was begun; delete the marker: the position is then taken "
                "from the files"
            )
        return marker

    def _publish(self, file: OpenFile) -> SourcePosition:
        """Publish the files, the commit after the amendments. Returns the source position after them."""
        span = FileSpan(file.extent.day, self._context.partition, file.first, file.last)
        wanted = [subset for subset in PUBLISHED_FIRST if subset in file.rows]
        published = [self._publish_file(file, subset, span.path(subset)) for subset in wanted]
        return _furthest([file.new_rows.source, self._begun, *published])

    def _publish_file(self, file: OpenFile, subset: Subset, path: str) -> SourcePosition:
        """Publish one file, unless it is there. Returns how far the one that is there goes."""
        if file.publish(subset, path):
            return file.new_rows.source
        # Only a sink with the same claim can have published it, so the rows are the same. But it may go
        # further: retention may have cut the range since.
        return read_metadata(self._output, path).source

    def _move_marker(self, position: int, source: SourcePosition) -> Marker:
        marker = Marker(position=position, source=source, writer=self._writer)
        self._marker.store(marker)
        return marker


def _furthest(sources: Iterable[SourcePosition]) -> SourcePosition:
    return max(sources, key=lambda source: source.offset)
