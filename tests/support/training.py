"""The training rows that come of a root: those of a snapshot of it."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from plaudit_infra.main import main


def training_rows(root: Path, snapshot: Path, subset: str) -> list[dict[str, Any]]:
    """The rows of a subset in all splits. The snapshot is built unless it is there."""
    if not snapshot.exists():
        assert main(["datasets", "build", "--root", str(root), "--output", str(snapshot)]) == 0
    paths = sorted((snapshot / subset).glob("*.parquet"))
    return [row for path in paths for row in pq.read_table(path).to_pylist()]
