"""One Parquet file being written."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.disk import fsync_path
from plaudit_consumers.rows.schemas import SCHEMAS, Subset
from plaudit_consumers.sink.files.metadata import FileMetadata
from plaudit_consumers.sink.outputs.output import unavailable


class SubsetWriter:
    """Writes a file of one subset, with one row group for each table.

    Attributes:
        path: the file; it exists once a row was written.
        rows: how many were written.
    """

    def __init__(self, path: Path, subset: Subset, zstd_level: int) -> None:
        """Creates no file yet."""
        self.path, self.rows = path, 0
        self._options = {"compression": "zstd", "compression_level": zstd_level}
        self._subset: Subset = subset
        self._writer: Any = None

    def write_table(self, table: Any) -> None:
        """Append a row group. An empty table is skipped, because readers fail on empty row groups.

        Raises:
            OutputUnavailableError: the disk is full.
        """
        if not table.num_rows:
            return
        with unavailable(f"{self._subset} aside"):
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, SCHEMAS[self._subset], **self._options)
            self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows

    def finish(self, metadata: FileMetadata) -> None:
        """Close and sync the file, which must have a row.

        Raises:
            OutputUnavailableError: the disk is full.
        """
        with unavailable(f"{self._subset} aside"):
            self._writer.add_key_value_metadata(metadata.footer_entries())
            self._writer.close()
            fsync_path(self.path)

    def discard(self) -> None:
        """Delete the file, whether it is finished or not."""
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):  # closing writes the footer, and the disk may be full
                self._writer.close()
        self.path.unlink(missing_ok=True)
