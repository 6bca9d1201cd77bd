"""One file of each subset in the making: raw records in memory, rows on disk aside."""

import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
from plaudit_schemas.dead_letters import Reason
from plaudit_schemas.errors import CodecError, UnknownBodyError, UnknownSchemaError

from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.reading import CanonicalReader
from plaudit_consumers.rows.schemas import SUBSETS, TRAINING, Subset
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.background import Background
from plaudit_consumers.sink.errors import LogChangedError
from plaudit_consumers.sink.marker import Source
from plaudit_consumers.sink.parquet import FileMetadata, SubsetWriter
from plaudit_consumers.sink.rotation import Extent

SLICE_BYTES: Final = 4 << 20
"""So much of raw records is decoded at once."""
ROW_GROUP_BYTES: Final = 16 << 20
"""Of rows in memory; on disk a row group is a fraction of it."""


class Raw(NamedTuple):
    """A record as Kafka gave it."""

    offset: int
    timestamp_ms: int
    key: bytes | None
    payload: bytes


class Refused(NamedTuple):
    """A record that can never be read."""

    raw: Raw
    reason: Reason
    detail: str


class Job(NamedTuple):
    """What all files of a partition have in common."""

    topic: str
    topic_id: str
    partition: int
    settings: RowSettings
    zstd_level: int
    reader: CanonicalReader
    background: Background


class OpenFile:
    """Records of one partition from `first` on, on their way into one file a subset.

    Attributes:
        extent: what it holds; None while it is empty.
        held_bytes: raw records in memory.
        source: the furthest event of everything written so far.
        stage_seconds: where the time went: decode, derive, write.
    """

    def __init__(self, job: Job, scratch: Path, first: int, source: Source) -> None:
        self._job, self.first, self.last = job, first, first - 1
        self.source = source
        self.extent: Extent | None = None
        self.held_bytes = 0
        self.repeats = 0
        self.refused: list[Refused] = []
        self.stage_seconds: defaultdict[str, float] = defaultdict(float)
        self._held: list[Raw] = []
        self._writing: Future[None] | None = None
        name = uuid.uuid4().hex
        self.writers: dict[Subset, SubsetWriter] = {
            subset: SubsetWriter(scratch / f"{name}.{subset}", subset, job.zstd_level) for subset in SUBSETS
        }

    def take(self, raw: Raw, extent: Extent) -> None:
        """Hold one more record; `extent` is the file's with it. Raises what went wrong in the background."""
        if self._writing is not None and self._writing.done():
            self._written()
        self._held.append(raw)
        self.held_bytes += len(raw.payload)
        self.last, self.extent = raw.offset, extent

    def spill(self) -> None:
        """Turn what is held in memory into rows on disk.

        Raises:
            UnknownSchemaError, UnknownBodyError: a newer writer's record: to be read after an upgrade.
            LogChangedError: source offsets went back.
            OutputUnavailableError: the disk is full, now or when the rows before were written.
        """
        held, self._held, self.held_bytes = self._held, [], 0
        waiting = {subset: _Waiting() for subset in SUBSETS}
        held.reverse()
        while held:
            part, size = [], 0
            while held and size < SLICE_BYTES:
                part.append(held.pop())
                size += len(part[-1].payload)
            self._rows(part, waiting)
        for subset, rows in waiting.items():
            self._write(subset, rows)

    def finish(self) -> None:
        """Write everything, and close the files; `writers` with rows are ready to be published."""
        self.spill()
        self._written()
        counts = {subset: self.writers[subset].rows for subset in TRAINING if self.writers[subset].rows}
        for subset, writer in self.writers.items():
            if writer.rows:
                writer.finish(
                    FileMetadata(
                        subset=subset, topic=self._job.topic, topic_id=self._job.topic_id,
                        partition=self._job.partition, first=self.first, last=self.last, rows=writer.rows,
                        settings=self._job.settings,
                        derived=counts if subset == "conversations" else {},
                        source=self.source if subset == "conversations" else Source(),
                    )
                )  # fmt: skip

    def discard(self) -> None:
        """Throw everything away."""
        self._held, self.held_bytes = [], 0
        if self._writing is not None:
            wait([self._writing])
        for writer in self.writers.values():
            writer.discard()

    def _rows(self, part: list[Raw], waiting: "dict[Subset, _Waiting]") -> None:
        began = time.perf_counter()
        table = self._table(part)
        part.clear()  # one record may be 50 MB
        decoded = time.perf_counter()
        self.stage_seconds["decode"] += decoded - began
        if not table.num_rows:
            return
        self._wait(waiting, "conversations", table)
        for subset, rows in derive(table, self._job.settings):
            self._wait(waiting, subset, rows)
        self.stage_seconds["derive"] += time.perf_counter() - decoded

    def _table(self, part: Sequence[Raw]) -> Any:
        licence = self._job.settings.training_licence
        try:
            table = self._job.reader.table(part, licence)
        except (ValueError, CodecError):  # one of them cannot be read: look for it
            part = [raw for raw in part if self._readable(raw)]
            table = self._job.reader.table(part, licence)
        return self._new(self._own(part, table))

    def _own(self, part: Sequence[Raw], table: Any) -> Any:
        partitions = table["source_partition"].to_numpy()
        own = partitions == self._job.partition
        if own.all():
            return table
        for at in np.flatnonzero(~own):
            detail = f"the record is of source partition {partitions[at]}"
            self.refused.append(Refused(part[int(at)], "invalid", detail))
        return table.filter(pa.array(own))

    def _new(self, table: Any) -> Any:
        """Without the repeats: records whose source event is not beyond all before it."""
        if not table.num_rows:
            return table
        offsets = np.append(self.source.offset, table["source_offset"].to_numpy())
        finished = np.append(self.source.finished_at, table["finished_at"].cast(pa.int64()).to_numpy())
        furthest, latest = np.maximum.accumulate(offsets), np.maximum.accumulate(finished)
        new = offsets[1:] > furthest[:-1]
        anew = ~new & (finished[1:] > latest[:-1])
        if anew.any():
            at = int(np.argmax(anew))
            place = self._place(table["record_offset"][at].as_py())
            raise LogChangedError(
                f"{place}: the conversation finished later than any "
                f"before it, but by an earlier offset ({offsets[at + 1]}) of the events: that topic was "
                "made anew; give the sink a new --output"
            )
        self.source = Source(offset=int(furthest[-1]), finished_at=int(latest[-1]))
        self.repeats += int(np.count_nonzero(~new))
        return table if new.all() else table.filter(pa.array(new))

    def _readable(self, raw: Raw) -> bool:
        try:
            self._job.reader.check(raw.payload)
        except (UnknownSchemaError, UnknownBodyError) as error:
            raise type(error)(
                f"{self._place(raw.offset)}: {error}; the sink does not pass over what it cannot read: "
                "upgrade it"
            ) from None
        except CodecError as error:
            self.refused.append(Refused(raw, error.reason, str(error)))
            return False
        return True

    def _place(self, offset: int) -> str:
        return f"{self._job.topic} {self._job.partition} at offset {offset}"

    def _wait(self, waiting: "dict[Subset, _Waiting]", subset: Subset, table: Any) -> None:
        rows = waiting[subset]
        rows.tables.append(table)
        rows.bytes += table.nbytes
        if rows.bytes > ROW_GROUP_BYTES:
            self._write(subset, rows)
            waiting[subset] = _Waiting()

    def _write(self, subset: Subset, rows: "_Waiting") -> None:
        if rows.tables:
            self._written()
            self._writing = self._job.background.run(partial(self._write_now, subset, rows))
            if rows.bytes > 2 * ROW_GROUP_BYTES:  # one large conversation: nothing beside it
                self._written()

    def _written(self) -> None:
        """Wait for this file's own work; once a piece of it has failed, each call raises that."""
        if self._writing is not None:
            self._writing.result()

    def _write_now(self, subset: Subset, rows: "_Waiting") -> None:
        began = time.perf_counter()
        self.writers[subset].write(pa.concat_tables(rows.tables))
        rows.tables.clear()
        self.stage_seconds["write"] += time.perf_counter() - began


@dataclass
class _Waiting:
    """Rows on their way to a row group."""

    tables: list[Any] = field(default_factory=list)
    bytes: int = 0
