"""Training files that a crash left out, made again from the canonical file."""

import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.rows.derive import derive
from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.sink.names import Span
from plaudit_consumers.sink.output import Output
from plaudit_consumers.sink.parquet import FileMetadata, SubsetWriter, damaged, read_metadata
from plaudit_consumers.sink.writing import Job


def complete(output: Output, span: Span, job: Job) -> list[str]:
    """Publish what is missing beside a canonical file; the paths written.

    The rows are made with the settings that the canonical file names, not with today's.

    Raises:
        ForeignFileError: the canonical file is damaged.
        OutputUnavailableError: not just now.
    """
    canonical = span.path("conversations")
    metadata = read_metadata(output, canonical)
    missing = [subset for subset in metadata.derived if not output.exists(span.path(subset))]
    if not missing:
        return []
    name = uuid.uuid4().hex
    writers: dict[Subset, SubsetWriter] = {
        subset: SubsetWriter(output.scratch / f"{name}.{subset}", subset, job.zstd_level)
        for subset in missing
    }
    try:
        for conversations in _tables(output, canonical):
            for subset, table in derive(conversations, metadata.settings):
                if subset in writers:
                    writers[subset].write(table)
        for subset, writer in writers.items():
            _publish(output, span, subset, writer, metadata)
    finally:
        for writer in writers.values():
            writer.discard()  # a full disk must not be filled by each attempt
    return [span.path(subset) for subset in missing]


def _tables(output: Output, path: str) -> Iterator[Any]:
    try:
        file = pq.ParquetFile(output.open(path))
        for group in range(file.num_row_groups):
            yield file.read_row_group(group)
    except (OSError, pa.ArrowException) as error:
        raise damaged(path, error) from None


def _publish(
    output: Output, span: Span, subset: Subset, writer: SubsetWriter, metadata: FileMetadata
) -> None:
    if writer.rows:
        writer.finish(metadata.model_copy(update={"subset": subset, "rows": writer.rows, "derived": {}}))
        output.publish(writer.path, span.path(subset))
