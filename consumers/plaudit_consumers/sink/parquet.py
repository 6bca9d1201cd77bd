"""Parquet files of the sink: how they are written, and what their metadata says."""

from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, ValidationError

from plaudit_consumers.disk import sync
from plaudit_consumers.rows.schemas import SCHEMAS, Subset
from plaudit_consumers.rows.settings import RowSettings
from plaudit_consumers.sink.errors import ForeignFileError
from plaudit_consumers.sink.marker import Source
from plaudit_consumers.sink.names import LAYOUT
from plaudit_consumers.sink.output import Output, unavailable

METADATA_KEY: Final = b"plaudit"


class FileMetadata(BaseModel):
    """What every file says of itself, as JSON under the key `plaudit` of its metadata.

    Attributes:
        first, last: offsets of the finished topic that the file covers, both included.
        settings: those that its training rows were made with.
        derived: rows of the training files that belong to a canonical file.
        source: in a canonical file, the furthest event of its records and of all before them.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    layout: str = LAYOUT
    subset: Subset
    topic: str
    topic_id: str
    partition: int
    first: int
    last: int
    rows: int
    settings: RowSettings
    derived: dict[Subset, int] = {}
    source: Source = Source()


class SubsetWriter:
    """One Parquet file in the making. A row group is written for each table."""

    def __init__(self, path: Path, subset: Subset, level: int) -> None:
        self.path, self.rows = path, 0
        self._options = {"compression": "zstd", "compression_level": level}
        self._subset: Subset = subset
        self._writer: Any = None

    def write(self, table: Any) -> None:
        """Append rows; nothing for none, for readers stumble over empty row groups."""
        if not table.num_rows:
            return
        with unavailable(f"{self._subset} aside"):
            if self._writer is None:
                self._writer = pq.ParquetWriter(self.path, SCHEMAS[self._subset], **self._options)
            self._writer.write_table(table, row_group_size=table.num_rows)
        self.rows += table.num_rows

    def finish(self, metadata: FileMetadata) -> None:
        """Close and fsync the file."""
        with unavailable(f"{self._subset} aside"):
            self._writer.add_key_value_metadata({METADATA_KEY.decode(): metadata.model_dump_json()})
            self._writer.close()
            sync(self.path)

    def discard(self) -> None:
        """Throw the file away."""
        if self._writer is not None:
            with suppress(OSError, pa.ArrowException):  # half-written, because its disk is full
                self._writer.close()
        self.path.unlink(missing_ok=True)


def read_metadata(output: Output, path: str) -> FileMetadata:
    """What a published file says of itself.

    Raises:
        ForeignFileError: it is damaged, or no sink wrote it.
    """
    try:
        metadata = pq.read_metadata(output.open(path)).metadata or {}
        return FileMetadata.model_validate_json(metadata.get(METADATA_KEY, b"{}"))
    except (OSError, pa.ArrowException) as error:
        raise damaged(path, error) from None
    except ValidationError:
        raise ForeignFileError(f"{path} was not written by a sink; move it out of the output") from None


def damaged(path: str, error: Exception) -> ForeignFileError:
    """The error for a file that Arrow cannot read."""
    reason = str(error).splitlines()[0][:150]
    return ForeignFileError(f"{path} is damaged ({reason}); move it out of the output")
