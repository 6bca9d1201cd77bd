"""Where judged answers come from: a live root, or the rows of a snapshot."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path

from plaudit_schemas.models.manifest import ModelManifest

from plaudit_consumers.datasets.manifest import read_manifest
from plaudit_consumers.datasets.subset_rows import rows_of_subset
from plaudit_consumers.ranking.comparing import check_comparable
from plaudit_consumers.ranking.judged_answers import Judged, judged_in_rows, judged_in_snapshot
from plaudit_consumers.ranking.stored_rows import rows_of_root
from plaudit_consumers.training.examples import JUDGED_SUBSETS

Two = tuple[ModelManifest, ModelManifest]


@contextmanager
def judged_of_root(
    root: str, models: Two, raters: Collection[str], since: datetime | None
) -> Iterator[Iterator[Judged]]:
    """The judged answers under a root, of the aspect that both models judge.

    Raises:
        ComparisonError: they judge different aspects.
        DatasetError: the root cannot be used.
    """
    check_comparable(*models)
    kinds = {model.input for model in models}
    with rows_of_root(root) as rows:
        yield judged_in_rows(rows, kinds, models[0].aspect, raters, since)


@contextmanager
def judged_of_snapshot(folder: Path, models: Two, split: str) -> Iterator[Iterator[Judged]]:
    """The judged answers and pairs in one split of a snapshot.

    Raises:
        ComparisonError: the models judge different aspects.
        SnapshotError: the folder is no snapshot, or a file of it was changed.
    """
    check_comparable(*models)
    manifest = read_manifest(folder)
    rows = chain.from_iterable(rows_of_subset(folder, manifest, subset, [split]) for subset in JUDGED_SUBSETS)
    yield judged_in_snapshot(rows, models[0].aspect)
