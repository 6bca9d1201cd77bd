"""Writes rows to Parquet files. The same rows give the same bytes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.rows.times import with_readable_times

# Changing one of these changes the bytes of every snapshot.
GROUP_ROWS: Final = 10_240
GROUP_BYTES: Final = 64 << 20
SHARD_BYTES: Final = 512 << 20
ZSTD_LEVEL: Final = 3


def write_split(folder: Path, split: str, schema: Any, batches: Iterable[Any]) -> list[Path]:
    """Write `<split>-00000.parquet` and so on, none if there are no rows. Holds one row group in memory.

    Args:
        batches: record batches. The row groups follow their sizes, which must depend on the rows alone.

    Returns:
        The files.
    """
    written: list[Path] = []
    writer: Any = None
    file: Any = None
    for group in row_groups(batches, schema):
        if writer is None:
            written.append(folder / f"{split}-{len(written):05}.parquet")
            # Opened here rather than by the writer, for `tell`: a shard is full by its bytes on disk.
            file = pa.OSFile(str(written[-1]), "wb")
            writer = pq.ParquetWriter(file, schema, compression="zstd", compression_level=ZSTD_LEVEL)
        writer.write_table(group, row_group_size=GROUP_ROWS)
        if file.tell() >= SHARD_BYTES:
            _close(writer, file)
            writer = None
    if writer is not None:
        _close(writer, file)
    return written


def row_groups(batches: Iterable[Any], schema: Any) -> Iterator[Any]:
    """Tables of at most GROUP_ROWS rows and GROUP_BYTES bytes. A larger row is a table of its own."""
    held: list[Any] = []
    rows = size = 0
    for batch in batches:
        for piece in _pieces(batch):
            if held and (rows + piece.num_rows > GROUP_ROWS or size + piece.nbytes > GROUP_BYTES):
                yield _table(held, schema)
                held, rows, size = [], 0, 0
            held.append(piece)
            rows, size = rows + piece.num_rows, size + piece.nbytes
    if held:
        yield _table(held, schema)


def _pieces(batch: Any) -> Iterator[Any]:
    """The batch, halved until each part has at most GROUP_BYTES bytes or only one row."""
    if batch.num_rows == 0:
        return
    if batch.num_rows == 1 or batch.nbytes <= GROUP_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half))
    yield from _pieces(batch.slice(half))


def _table(batches: list[Any], schema: Any) -> Any:
    # DuckDB's Arrow types differ in details, such as large strings.
    # A sink from before Plaudit checked times may have written some that no reader can hold.
    return with_readable_times(pa.Table.from_batches(batches).cast(schema))


def _close(writer: Any, file: Any) -> None:
    writer.close()
    file.close()
