"""Recreates training files that a crash left out, from the canonical file."""

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.earlier import completed_table
from plaudit_consumers.sink.files.metadata import damaged_file, read_metadata
from plaudit_consumers.sink.files.subset_writer import SubsetWriter
from plaudit_consumers.sink.layout import FileSpan
from plaudit_consumers.sink.outputs.output import OutputRoot


def publish_missing(output: OutputRoot, span: FileSpan, zstd_level: int) -> None:
    """Publish the training files that are missing beside a canonical file.

    Their rows are derived with the settings in the metadata of the canonical file, not with today's.

    Raises:
        ForeignFileError: the canonical file is damaged.
        OutputUnavailableError: the output cannot be used at the moment.
    """
    canonical = span.path("conversations")
    metadata = read_metadata(output, canonical)
    name = uuid.uuid4().hex
    writers = {
        subset: SubsetWriter(output.scratch / f"{name}.{subset}", subset, zstd_level)
        for subset in metadata.derived
        if not output.exists(span.path(subset))
    }
    if not writers:  # nothing is missing: do not read the canonical file
        return
    try:
        for conversations in _row_groups(output, canonical):
            for subset, table in derive(conversations, metadata.settings, metadata.rules):
                if subset in writers:
                    writers[subset].write_table(table)
        for subset, writer in writers.items():
            if writer.rows:
                # Topic, offsets and settings are the same for every subset of the range.
                own = {"subset": subset, "rows": writer.rows, "derived": dict[str, int]()}
                writer.finish(metadata.model_copy(update=own))
                output.publish(writer.path, span.path(subset))
    finally:
        for writer in writers.values():
            writer.discard()  # or each attempt on a full disk would leave files behind


def _row_groups(output: OutputRoot, path: str) -> Iterator[Any]:
    try:
        file = pq.ParquetFile(output.open_file(path))
        for group in range(file.num_row_groups):
            yield completed_table("conversations", file.read_row_group(group))
    except (OSError, pa.ArrowException) as error:
        raise damaged_file(path, error) from None
