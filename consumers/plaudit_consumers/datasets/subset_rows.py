"""Reads the rows of a subset of a snapshot."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.datasets.errors import SnapshotError, first_line
from plaudit_consumers.datasets.manifest import Manifest, sha256

_AT_ONCE: Final = 512
"""Rows in memory at a time."""


def rows_of_subset(
    folder: Path,
    manifest: Manifest,
    subset: str,
    splits: Collection[str],
    columns: Sequence[str] | None = None,
) -> Iterator[Mapping[str, Any]]:
    """The rows of some splits of a subset, in the order of its files.

    Args:
        columns: that are read; None for all.

    Raises:
        SnapshotError: a file is missing, was changed, or is no Parquet.
    """
    for file in manifest.subset_files(subset):
        if Path(file.path).name.partition("-")[0] not in splits:
            continue
        path = folder / file.path
        if not path.is_file():
            raise SnapshotError(f"{path} is missing; build the snapshot again")
        if sha256(path) != file.sha256:
            raise SnapshotError(f"{path} was changed after it was built; build the snapshot again")
        try:
            for batch in pq.ParquetFile(path).iter_batches(_AT_ONCE, columns=columns):
                yield from batch.to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise SnapshotError(f"{path} cannot be read as Parquet: {first_line(error)}") from None
