"""Reads the rows of conversations: of a live root, or of a snapshot."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plaudit_consumers.datasets.amending import amend_rows
from plaudit_consumers.datasets.database import Database
from plaudit_consumers.datasets.files import SourceFiles
from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.datasets.plan import SPLITS, SnapshotPlan
from plaudit_consumers.datasets.revisions import RevisionSelection
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.datasets.subset_rows import rows_of_subset
from plaudit_consumers.ranking.stored_answers import COLUMNS, Row

_AT_ONCE = 512


@contextmanager
def conversations_of(root: str | None, snapshot: Path | None) -> Iterator[Iterator[Row]]:
    """The rows of conversations of a root or of a snapshot.

    Raises:
        DatasetError: the root or the snapshot cannot be used.
    """
    if snapshot is not None:
        yield rows_of_subset(snapshot, read_manifest(snapshot), "conversations", SPLITS)
        return
    with rows_of_root(root or "") as rows:
        yield rows


@contextmanager
def rows_of_root(root: str, memory_mb: int = 1024) -> Iterator[Iterator[Row]]:
    """The latest row of each conversation under a root, with what was said of it later.

    Erased conversations are not among them. A remote root is copied to a temporary folder first.

    Raises:
        SourceFileError: the root, or a file in it, cannot be used.
        DatasetError: memory or disk space did not suffice.
    """
    with tempfile.TemporaryDirectory(prefix="plaudit-rows-") as name:
        work = Path(name)
        sources = SourceFiles(LiveRoot(root), work / "copied")
        database = Database(work, memory_mb, None)
        try:
            plan = SnapshotPlan(output=work)
            revisions = RevisionSelection(database, work, plan, sources.paths, sources.older)
            amended = amend_rows(revisions, revisions.choose_revisions(), work / "amended.parquet")
            revisions.replace_rows(amended.path)
            yield _rows(revisions.chosen_rows())
        finally:
            database.close()


def _rows(batches: Iterator[Any]) -> Iterator[Row]:
    for batch in batches:
        small = batch.select(COLUMNS)
        for start in range(0, small.num_rows, _AT_ONCE):
            yield from small.slice(start, _AT_ONCE).to_pylist()
