"""The file of a partition that is being filled: records in memory, rows in the scratch folder."""

import time
from typing import Final

from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.sink.commit.context import PartitionContext
from plaudit_consumers.sink.commit.new_rows import NewRows
from plaudit_consumers.sink.commit.rotation import FileExtent
from plaudit_consumers.sink.files.metadata import FileMetadata, SourcePosition
from plaudit_consumers.sink.files.subset_files import SubsetFiles

SLICE_BYTES: Final = 4 << 20
"""About how many bytes of records are decoded at once: it bounds the memory of rows and columns."""


class OpenFile:
    """Records of one partition on their way into one file of each kind.

    Records are held undecoded until `spill` turns them into rows.

    Attributes:
        first, last: the offsets that the file covers, both included.
        extent: its size, time span and day so far.
        held_bytes: bytes of the records in memory.
        new_rows: has the source position after all rows so far, the repeats and the dead letters.
    """

    def __init__(
        self, context: PartitionContext, first: int, source: SourcePosition, record: KafkaRecord
    ) -> None:
        """Begin a file with its first record.

        Args:
            first: where the file begins. Any offsets from there to the record's are missing in the log.
            source: the furthest source event of all records before the file.
        """
        self._context, self.first, self.last = context, first, record.offset
        self.extent = FileExtent.of(record)
        self.held_bytes = len(record.value or b"")
        self._held = [record]
        self.new_rows = NewRows(context, source)
        self._files = SubsetFiles(context.output.scratch, context.zstd_level, context.background)
        self._decode_seconds = 0.0

    @property
    def rows(self) -> dict[Subset, int]:
        """The number of rows of each subset that has any."""
        return {subset: writer.rows for subset, writer in self._files.writers.items() if writer.rows}

    @property
    def stage_seconds(self) -> dict[str, float]:
        """Where the time went, by STAGES of the metrics."""
        return {"decode": self._decode_seconds, "write": self._files.write_seconds}

    def hold_record(self, record: KafkaRecord) -> None:
        """Hold one more record.

        Raises:
            OutputUnavailableError: earlier rows could not be written.
        """
        self._files.raise_failure()
        self._held.append(record)
        self.held_bytes += len(record.value or b"")
        self.last, self.extent = record.offset, self.extent.with_record(record)

    def spill(self) -> None:
        """Turn the records in memory into rows on disk, and free them.

        Raises:
            PlauditError: as `NewRows.read_tables`.
            OutputUnavailableError: the disk is full, now or when earlier rows were written.
        """
        held, self._held, self.held_bytes = self._held, [], 0
        held.reverse()  # `pop` then gives the oldest, and frees each record as it is decoded
        while held:
            part, size = [], 0
            while held and size < SLICE_BYTES:
                part.append(held.pop())
                size += len(part[-1].value or b"")
            self._add_rows(part)
        self._files.flush()

    def finish(self) -> None:
        """Write all rows, and close and sync the files, which can then be published.

        Raises:
            as `spill`.
        """
        self.spill()
        self._files.wait_written()
        rows, context, topic = self.rows, self._context, self._context.topic
        for subset, count in rows.items():
            self._files.writers[subset].finish(
                FileMetadata(
                    subset=subset, topic=topic.name, topic_id=topic.id, partition=context.partition,
                    first=self.first, last=self.last, rows=count, licence=context.licence,
                    conversations=rows.get("conversations", 0) if subset == "amendments" else 0,
                    source=self.new_rows.source,
                )
            )  # fmt: skip

    def publish(self, subset: Subset, path: str) -> bool:
        """Move a finished file to its path in the output; False if a file is there already."""
        return self._context.output.publish(self._files.writers[subset].path, path)

    def discard(self) -> None:
        """Delete the files and drop the records."""
        self._held, self.held_bytes = [], 0
        self._files.discard()

    def _add_rows(self, records: list[KafkaRecord]) -> None:
        began = time.perf_counter()
        tables = self.new_rows.read_tables(records)
        records.clear()  # one may be 50 MB
        self._decode_seconds += time.perf_counter() - began
        for subset, table in tables.items():
            if table.num_rows:
                self._files.add_rows(subset, table)
