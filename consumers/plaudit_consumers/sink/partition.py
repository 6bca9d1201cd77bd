"""One partition of the finished topic on its way into the output; knows no Kafka.

The steps of a commit, each of which a crash may follow (docs/decisions/0008):

1. every file is whole on disk aside;
2. the marker claims the range, conditionally: of two sinks one goes on;
3. what cannot be read goes to the dead letters: after the commit nobody would read the range for it again;
4. the canonical file is published: that is the commit;
5. the training files are published;
6. the marker moves to the end of the range.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from plaudit_consumers.rows.schemas import TRAINING, Subset
from plaudit_consumers.sink.errors import ForeignFileError
from plaudit_consumers.sink.marker import Marker, MarkerFile, Source
from plaudit_consumers.sink.mending import complete
from plaudit_consumers.sink.names import Span, marker_path, parse
from plaudit_consumers.sink.output import Output
from plaudit_consumers.sink.parquet import read_metadata
from plaudit_consumers.sink.rotation import Limits, begin, ends_before, grow
from plaudit_consumers.sink.writing import Job, OpenFile, Raw, Refused


class Committed(NamedTuple):
    """What one commit brought.

    Attributes:
        position: the first offset after it.
        rows: rows of each subset that were written; none for a range of repeats.
    """

    position: int
    records: int
    rows: dict[Subset, int]
    repeats: int
    refused: list[Refused]
    stage_seconds: dict[str, float]


class Partition:
    """Takes records in order, and commits a file whenever one is full.

    Attributes:
        position: where the next file begins; None before the first record of a new output.
        next: the offset after the last record taken.
    """

    def __init__(
        self,
        job: Job,
        output: Output,
        limits: Limits,
        writer: str,
        refuse: Callable[[int, list[Refused]], None],
    ) -> None:
        self._job, self._output, self._limits = job, output, limits
        self._writer, self._refuse = writer, refuse
        self._marker = MarkerFile(output, marker_path(job.topic_id, job.partition))
        self._file: OpenFile | None = None
        self._source = Source()
        self._claimed: int | None = None
        self.position: int | None = None
        self.next: int | None = None

    @property
    def held_bytes(self) -> int:
        """Raw records in memory."""
        return 0 if self._file is None else self._file.held_bytes

    @property
    def begun(self) -> bool:
        """Whether a range that a sink had claimed is still to be written, whole."""
        return self._claimed is not None

    @property
    def earliest_ms(self) -> int | None:
        """The broker's timestamp of the earliest record that is not in the output yet."""
        return None if self._file is None or self._file.extent is None else self._file.extent.earliest_ms

    def recover(self, canonical: list[str]) -> int | None:
        """Find the position, and finish what a crash left half done.

        Args:
            canonical: paths of this partition's canonical files.

        Returns:
            The offset to read from; None where nothing was ever written.

        Raises:
            ForeignFileError: a file is damaged, or overlaps another.
            FencedError: another sink is at it.
        """
        self.discard()
        marker = self._marker.load()
        position = marker.position if marker else None
        source = marker.source if marker else Source()
        newest = newest_of(canonical)
        if newest is not None and (position is None or newest.last >= position):
            complete(self._output, newest, self._job)
            source = read_metadata(self._output, newest.path("conversations")).source
            position, marker = newest.last + 1, None
            self._store(position, source)
        claimed = marker.claim if marker else None
        self._claimed, self.position, self.next, self._source = claimed, position, position, source
        return position

    def take(self, raw: Raw) -> Committed | None:
        """Take the next record; what was committed, if that filled a file or belongs to the next one."""
        if self.next is not None and raw.offset < self.next:
            return None
        committed = None
        if self._file is not None and self._ends_before(raw):
            committed = self.commit()
        size = len(raw.payload)
        if self._file is None:
            first = raw.offset if self.position is None else self.position
            self._file = OpenFile(self._job, self._output.scratch, first, self._source)
        extent = self._file.extent
        grown = begin(raw.timestamp_ms, size) if extent is None else grow(extent, raw.timestamp_ms, size)
        self._file.take(raw, grown)
        self.next = raw.offset + 1
        return self.commit() if raw.offset == self._claimed else committed

    def spill(self) -> None:
        """Free the memory of what is held."""
        if self._file is not None:
            self._file.spill()

    def commit(self) -> Committed | None:
        """Put everything taken so far into the output; None where there is nothing.

        A range that another sink had begun is written whole or, before its end has come, not at all.

        Raises:
            FencedError: another sink was first; nothing was written twice.
            OutputUnavailableError: not just now; `recover` and take the records again.
        """
        file = self._file
        if file is None or file.extent is None:
            return None
        if self._claimed is not None and file.last < self._claimed:
            self.discard()
            return None
        file.finish()
        rows = {subset: writer.rows for subset, writer in file.writers.items() if writer.rows}
        source = file.source
        if rows:
            self._claim(file)
        self._refuse(self._job.partition, file.refused)
        if rows:
            source = self._publish(file, Span(file.extent.day, self._job.partition, file.first, file.last))
        self._store(file.last + 1, source)
        self.discard()  # of what lay there already, a copy is left aside
        self._claimed = None
        self.position, self._source = file.last + 1, source
        return Committed(
            self.position, file.extent.records, rows, file.repeats, file.refused, dict(file.stage_seconds)
        )

    def discard(self) -> None:
        """Drop what is not in the output; whoever has the partition next reads it again."""
        if self._file is not None:
            self._file.discard()
            self._file = None

    def _ends_before(self, raw: Raw) -> bool:
        file = self._file
        if file is None or file.extent is None:
            return False
        if self._claimed is None:
            return ends_before(file.extent, self._limits, raw.timestamp_ms, len(raw.payload))
        if raw.offset <= self._claimed:
            return False
        file.last = self._claimed  # the log has lost the range's end: its name stays
        return True

    def _claim(self, file: OpenFile) -> None:
        self._marker.store(
            Marker(position=file.first, claim=file.last, source=self._source, writer=self._writer)
        )

    def _publish(self, file: OpenFile, span: Span) -> Source:
        path = span.path("conversations")
        if not self._output.publish(file.writers["conversations"].path, path):
            # Only the sink that made the same claim can have written it.
            complete(self._output, span, self._job)
            return read_metadata(self._output, path).source
        for subset in TRAINING:
            if file.writers[subset].rows:
                self._output.publish(file.writers[subset].path, span.path(subset))
        return file.source

    def _store(self, position: int, source: Source) -> None:
        self._marker.store(Marker(position=position, source=source, writer=self._writer))


def newest_of(canonical: list[str]) -> Span | None:
    """The last of a partition's canonical files.

    Raises:
        ForeignFileError: two files hold the same offsets, or a name is not a sink's.
    """
    spans = sorted((parse(path)[1] for path in canonical), key=lambda span: span.first)
    for before, after in pairwise(spans):
        if after.first <= before.last:
            raise ForeignFileError(
                f"{before.path('conversations')} and {after.path('conversations')} hold the same offsets; "
                "move the one that no sink wrote out of the output"
            )
    return spans[-1] if spans else None
