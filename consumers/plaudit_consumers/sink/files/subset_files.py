"""The files of all subsets in the making: rows are gathered into row groups, which a thread writes."""

import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from plaudit_consumers.rows.schemas import SUBSETS, Subset
from plaudit_consumers.sink.files.subset_writer import SubsetWriter

ROW_GROUP_BYTES: Final = 16 << 20
"""Bytes of rows in memory; on disk a row group takes a fraction of that."""


class BackgroundThread:
    """One thread for work that releases the interpreter's lock, such as encoding and compressing Parquet.

    It runs the work of several files in the order in which it comes.
    """

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="background")
        self._last: Future[None] | None = None

    def submit(self, work: Callable[[], None]) -> "Future[None]":
        """Take on one more piece; blocks while one is under way.

        The failure of an earlier piece is not raised here: its future has it, for whoever submitted it.
        """
        if self._last is not None:
            wait([self._last])
        self._last = self._executor.submit(work)
        return self._last


@dataclass
class _RowGroup:
    """Rows that wait for their row group to be full."""

    tables: list[Any] = field(default_factory=list)
    bytes: int = 0


class SubsetFiles:
    """One file of each subset, in a scratch folder.

    Once a piece of work in the background has failed, writing, waiting and `raise_failure` raise that error.
    For a full disk it is OutputUnavailableError.

    Attributes:
        writers: those with rows become files.
        write_seconds: time spent on Parquet.
    """

    def __init__(self, scratch: Path, zstd_level: int, background: BackgroundThread) -> None:
        name = uuid.uuid4().hex
        self.writers: dict[Subset, SubsetWriter] = {
            subset: SubsetWriter(scratch / f"{name}.{subset}", subset, zstd_level) for subset in SUBSETS
        }
        self.write_seconds = 0.0
        self._background = background
        self._gathered: dict[Subset, _RowGroup] = {subset: _RowGroup() for subset in SUBSETS}
        self._written: Future[None] | None = None

    def add_rows(self, subset: Subset, table: Any) -> None:
        """Gather rows; a full row group is written."""
        group = self._gathered[subset]
        group.tables.append(table)
        group.bytes += table.nbytes
        if group.bytes > ROW_GROUP_BYTES:
            self._write_group(subset)

    def flush(self) -> None:
        """Write what is gathered, in the background."""
        for subset in SUBSETS:
            if self._gathered[subset].tables:
                self._write_group(subset)

    def wait_written(self) -> None:
        """Wait for the work in the background."""
        if self._written is not None:
            self._written.result()

    def raise_failure(self) -> None:
        """Raise what went wrong in the background so far; does not wait."""
        if self._written is not None and self._written.done():
            self._written.result()

    def discard(self) -> None:
        """Throw the files away."""
        if self._written is not None:
            wait([self._written])
        for writer in self.writers.values():
            writer.discard()

    def _write_group(self, subset: Subset) -> None:
        self.wait_written()
        group, self._gathered[subset] = self._gathered[subset], _RowGroup()
        self._written = self._background.submit(partial(self._write_now, subset, group.tables))
        if group.bytes > 2 * ROW_GROUP_BYTES:  # one large conversation: nothing else beside it in memory
            self.wait_written()

    def _write_now(self, subset: Subset, tables: list[Any]) -> None:
        began = time.perf_counter()
        self.writers[subset].write_table(pa.concat_tables(tables))
        tables.clear()  # frees the memory though the future holds on to this call
        self.write_seconds += time.perf_counter() - began
