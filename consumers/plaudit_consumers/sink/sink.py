"""The partitions that one process writes, with the memory and output they share. Independent of Kafka."""

import time
from collections.abc import Iterable

from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.finished_reader import FinishedReader
from plaudit_consumers.sink.commit.context import FinishedTopic, PartitionContext
from plaudit_consumers.sink.commit.partition import CommitSteps, CommittedRange, SinkPartition
from plaudit_consumers.sink.commit.rotation import FileLimits
from plaudit_consumers.sink.files.subset_files import BackgroundThread
from plaudit_consumers.sink.layout import parse_path
from plaudit_consumers.sink.outputs.lost_ranges import LostRange, record_lost
from plaudit_consumers.sink.outputs.output import OutputRoot
from plaudit_consumers.sink.outputs.root import RootReadme, claim_root, inspect_files, record_files
from plaudit_consumers.sink.settings import SinkSettings


class ParquetSink:
    """Writes records to Parquet, each exactly once.

    Attributes:
        partitions: the open ones, by number.
    """

    def __init__(
        self,
        topic: FinishedTopic,
        output: OutputRoot,
        settings: SinkSettings,
        reader: FinishedReader,
        *,
        steps: CommitSteps,
        writer: str,
    ) -> None:
        """Check the output and bind it to the topic.

        Args:
            writer: names this sink in the markers.

        Raises:
            OutputError: it cannot be used.
            ForeignFileError: a file in it is damaged, or no sink wrote it.
            LogChangedError: it was made from another topic.
        """
        self._topic, self._output, self._reader = topic, output, reader
        self._settings, self._steps, self._writer = settings, steps, writer
        self._background = BackgroundThread()
        self.partitions: dict[int, SinkPartition] = {}
        self._free_bytes = 0
        # Before anything is consumed: a store without conditional writes, or of another topic, is refused.
        output.check_usable()
        claim_root(output, topic.name, topic.id)
        self._readme = RootReadme(output, inspect_files(output))

    def confirm_topic(self) -> None:
        """Check that the topic is still the one of the output.

        Raises:
            LogChangedError: it is not.
            TopicError: it is gone.
            ServiceUnavailableError: Kafka did not answer until the sink was stopped.
        """
        self._steps.confirm_topic()

    def record_lost(self, partition: int, first: int, last: int) -> float:
        """Record in the output that Kafka deleted these offsets unread. Returns the time, in seconds."""
        now_s = time.time()
        record_lost(self._output, self._topic.id, LostRange(partition, first, last), now_s)
        return now_s

    def open_partitions(self, numbers: Iterable[int]) -> dict[int, int | None]:
        """Take partitions over. Returns the offset to read each from; None if nothing was ever written.

        Raises:
            ForeignFileError, SinkFencedError, OutputUnavailableError: as `SinkPartition.recover`.
        """
        files = record_files(self._output)  # listed once for all partitions: it is a request to a store
        positions = {}
        for number in numbers:
            partition = self._partition(number)
            positions[number] = partition.recover(files.get(number, []))
            self.partitions[number] = partition
        # The former owner may have been killed between its last file and the README.
        taken_over = [path for number in positions for path in files.get(number, ())]
        self._readme.note_files({parse_path(path)[0] for path in taken_over})
        return positions

    def close_partitions(self, numbers: Iterable[int]) -> None:
        """Give partitions up. Records not in the output are dropped; the next owner reads them again."""
        for number in numbers:
            partition = self.partitions.pop(number, None)
            if partition is not None:
                partition.discard()

    def take_record(self, record: KafkaRecord) -> CommittedRange | None:
        """Take the next record of an open partition. Returns what that committed, if anything.

        Raises:
            as `SinkPartition.commit`.
        """
        committed = self._after_commit(self.partitions[record.partition].take_record(record))
        # Summing over all partitions for each record would be slow: this estimate triggers the exact sum.
        self._free_bytes -= len(record.value or b"")
        if self._free_bytes < 0:
            self._make_room()
        return committed

    def commit_partition(self, number: int) -> CommittedRange | None:
        """Commit what a partition holds to the output. Raises as `SinkPartition.commit`."""
        return self._after_commit(self.partitions[number].commit())

    def refresh_readme(self, *, at_once: bool = False) -> None:
        """Write the README of the output if it is behind; see `RootReadme.refresh`.

        No commit does this by itself: what is committed stays committed whatever becomes of the README.
        """
        self._readme.refresh(at_once=at_once)

    def oldest_ms(self) -> int | None:
        """The broker's timestamp of the oldest record that was taken but is not in the output yet."""
        timestamps = [partition.earliest_ms for partition in self.partitions.values()]
        return min((each for each in timestamps if each is not None), default=None)

    def _partition(self, number: int) -> SinkPartition:
        settings = self._settings
        limits = FileLimits(settings.rotate_rows, settings.rotate_bytes, settings.rotate_minutes * 60_000)
        context = PartitionContext(
            topic=self._topic,
            partition=number,
            output=self._output,
            licence=settings.training_licence,
            zstd_level=settings.zstd_level,
            reader=self._reader,
            background=self._background,
        )
        return SinkPartition(context, limits, self._writer, self._steps)

    def _make_room(self) -> None:
        """Spill the largest partitions until the held records of all partitions fit into the memory limit."""
        limit = self._settings.sink_memory_mb << 20
        while (held := sum(partition.held_bytes for partition in self.partitions.values())) > limit:
            max(self.partitions.values(), key=lambda partition: partition.held_bytes).spill()
        self._free_bytes = limit - held

    def _after_commit(self, committed: CommittedRange | None) -> CommittedRange | None:
        if committed is not None:
            self._readme.note_files(committed.rows.keys())
        return committed
