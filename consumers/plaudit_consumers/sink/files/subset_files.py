"""Files of both subsets being written: rows are collected into row groups, which a thread writes."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from plaudit_consumers.rows.schemas import RECORDS, Subset
from plaudit_consumers.sink.files.subset_writer import SubsetWriter

ROW_GROUP_BYTES: Final = 16 << 20
"""Bytes of rows in memory; on disk a row group takes a fraction of that."""


class BackgroundThread:
    """One thread for work that releases the GIL, such as encoding and compressing Parquet.

    It runs the work of all files in the order of submission.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._last: Future[None] | None = None

    def submit(self, work: Callable[[], None]) -> "Future[None]":
        """Submit a piece of work. Blocks until the earlier one is done, so that at most one waits in memory.

        A failure of the earlier piece is not raised here, but by its future, for the file that submitted it.
        """
        if self._last is not None:
            wait([self._last])
        self._last = self._executor.submit(work)
        return self._last


@dataclass
class _RowGroup:
    """Rows that are collected until they fill a row group."""

    tables: list[Any] = field(default_factory=list)
    bytes: int = 0


class SubsetFiles:
    """One file of each subset, in a scratch folder.

    Once a background write has failed, `add_rows`, `flush`, `wait_written` and `raise_failure` raise its
    error. For a full disk it is OutputUnavailableError.

    Attributes:
        writers: by subset; one without rows makes no file.
        write_seconds: time spent on Parquet.
    """

    def __init__(self, scratch: Path, zstd_level: int, background: BackgroundThread) -> None:
        name = uuid.uuid4().hex
        self.writers: dict[Subset, SubsetWriter] = {
            subset: SubsetWriter(scratch / f"{name}.{subset}", subset, zstd_level) for subset in RECORDS
        }
        self.write_seconds = 0.0
        self._background = background
        self._gathered: dict[Subset, _RowGroup] = {subset: _RowGroup() for subset in RECORDS}
        self._written: Future[None] | None = None

    def add_rows(self, subset: Subset, table: Any) -> None:
        """Collect rows. Once they fill a row group, it is written in the background."""
        group = self._gathered[subset]
        group.tables.append(table)
        group.bytes += table.nbytes
        if group.bytes > ROW_GROUP_BYTES:
            self._write_group(subset)

    def flush(self) -> None:
        """Write the collected rows in the background."""
        for subset in RECORDS:
            if self._gathered[subset].tables:
                self._write_group(subset)

    def wait_written(self) -> None:
        """Wait until the background writes are done."""
        if self._written is not None:
            self._written.result()

    def raise_failure(self) -> None:
        """Raise the error of a background write that has failed; does not wait."""
        if self._written is not None and self._written.done():
            self._written.result()

    def discard(self) -> None:
        """Delete the files."""
        # The thread must be done with them: it would go on writing to a file that is deleted.
        if self._written is not None:
            wait([self._written])
        for writer in self.writers.values():
            writer.discard()

    def _write_group(self, subset: Subset) -> None:
        self.wait_written()  # bounds the memory to one group that is written and one that is collected
        group, self._gathered[subset] = self._gathered[subset], _RowGroup()
        self._written = self._background.submit(partial(self._write_now, subset, group.tables))
        if group.bytes > 2 * ROW_GROUP_BYTES:  # a large conversation: hold nothing else in memory beside it
            self.wait_written()

    def _write_now(self, subset: Subset, tables: list[Any]) -> None:
        began = time.perf_counter()
        self.writers[subset].write_table(pa.concat_tables(tables))
        tables.clear()  # frees the memory though the future holds on to this call
        self.write_seconds += time.perf_counter() - began
