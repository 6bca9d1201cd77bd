"""Builds a snapshot in a temporary folder and renames it, so that it never becomes visible half-written."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.parquet as pq
from plaudit_schemas.contract.times import moment

from plaudit_consumers.datasets.amending import amend_rows
from plaudit_consumers.datasets.card import card_text
from plaudit_consumers.datasets.describing import describe_subset
from plaudit_consumers.datasets.errors import DatasetError, OutputExistsError
from plaudit_consumers.datasets.files import SourceFiles
from plaudit_consumers.datasets.manifest import MANIFEST, Manifest, SnapshotFile, file_entry
from plaudit_consumers.datasets.plan import SPLITS, SnapshotPlan
from plaudit_consumers.datasets.selection import RowSelection, SelectionSummary
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.datasets.writing import write_split
from plaudit_consumers.disk import fsync_path
from plaudit_consumers.rows.schemas import SCHEMAS
from plaudit_consumers.sink.layout import LAYOUT

_PROMPTS: Final = "a prompt text goes to the split in which it came up first"
_LEFT_OUT: Final = ("consent_denied", "filtered", "duplicate", "prompt_of_another_split")


def build_snapshot(root: str, plan: SnapshotPlan) -> Manifest:
    """Build the snapshot of a live root that `plan` describes.

    Memory is bounded by `plan.memory_mb`, a few row groups of the writer and one vector of 2,048 rows.

    Raises:
        OutputExistsError: the output exists.
        SourceFileError: the root, or a file in it, cannot be used.
        ConditionError: the condition cannot be used.
        DatasetError: memory or disk space did not suffice.
    """
    with _aside(plan.output) as aside:
        work = aside / "work"
        work.mkdir()
        # Training files of later days have no chosen row. Canonical files are all read, because a later
        # erasure or denial of consent applies to an earlier snapshot time too.
        last_day = plan.as_of.date().isoformat() if plan.as_of else "9999"
        sources = SourceFiles(LiveRoot(root), plan.subsets, work / "copied", last_day)
        selection = RowSelection(work, plan, sources.paths, sources.older)
        try:
            touched = selection.choose_revisions()
            amended = amend_rows(selection, touched, sources, plan.subsets, work / "amended")
            selection.replace_rows(amended.paths)
            summary = selection.choose_rows()
            files = _write_rows(selection, plan, summary, aside)
        finally:
            selection.close()
        shutil.rmtree(work)  # it is in the folder that becomes the snapshot
        late = Counter(summary.amendments) + Counter(amended.fates)
        manifest = _manifest(plan, summary, late, files, sources.thresholds(summary.chosen_files))
        _write_descriptions(manifest, aside)
        return manifest


def _write_rows(
    selection: RowSelection, plan: SnapshotPlan, summary: SelectionSummary, aside: Path
) -> list[SnapshotFile]:
    files: list[SnapshotFile] = []
    for subset in plan.subsets:
        if summary.count(subset):
            (aside / subset).mkdir()
        for split in SPLITS:
            if not summary.count(subset, split):
                continue
            batches = selection.chosen_rows(subset, split)
            paths = write_split(aside / subset, split, SCHEMAS[subset], batches)
            rows = {path: pq.read_metadata(path).num_rows for path in paths}
            files += [file_entry(aside, path, count) for path, count in rows.items()]
            chosen, written = summary.count(subset, split), sum(rows.values())
            # The manifest counts what was chosen: it must not be published beside other rows.
            if written != chosen:
                raise DatasetError(f"{subset}/{split}: {written} of {chosen} chosen rows were written")
    return files


def _write_descriptions(manifest: Manifest, aside: Path) -> None:
    """Write the data card, which becomes one of the manifest's files, and the manifest."""
    descriptions = {
        subset: describe_subset(subset, [aside / file.path for file in manifest.subset_files(subset)])
        for subset, rows in manifest.rows.items()
        if rows
    }
    # The card first, so that the manifest has its checksum too.
    readme = aside / "README.md"
    readme.write_text(card_text(manifest, descriptions), encoding="utf-8")
    manifest.files.append(file_entry(aside, readme))
    (aside / MANIFEST).write_text(manifest.text(), encoding="utf-8")


def _manifest(
    plan: SnapshotPlan,
    summary: SelectionSummary,
    amendments: Mapping[str, int],
    files: list[SnapshotFile],
    thresholds: list[dict[str, Any]],
) -> Manifest:
    as_of = plan.as_of or (moment(summary.as_of) if summary.as_of is not None else None)
    return Manifest(
        as_of=_iso_time(as_of),
        schema=LAYOUT,
        where=plan.where,
        min_agreement=plan.min_agreement,
        split=dict(zip(SPLITS, plan.shares, strict=True)),
        salt=plan.salt,
        prompts=_PROMPTS,
        rows={
            subset: {split: rows for split in SPLITS if (rows := summary.count(subset, split))}
            for subset in plan.subsets
        },
        left_out={
            subset: {fate: rows for fate in _LEFT_OUT if (rows := summary.count(subset, fate=fate))}
            for subset in plan.subsets
        },
        erased=summary.erased,
        amendments=dict(sorted(amendments.items())),
        read_to={str(partition): offset for partition, offset in sorted(summary.positions.items())},
        thresholds=thresholds,
        files=files,
    )


def _iso_time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


@contextmanager
def _aside(output: Path) -> Iterator[Path]:
    """A folder beside the output. It becomes the output at the end, and is removed after a failure."""
    if os.path.lexists(output):
        raise OutputExistsError(f"{output} exists; a snapshot is never overwritten: name another folder")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        # In the same folder, because a rename does not cross file systems.
        aside = Path(tempfile.mkdtemp(prefix=f".{output.name}.", suffix=".building", dir=output.parent))
    except OSError as error:
        raise DatasetError(f"{output.parent} cannot be written to: {error.strerror}") from None
    try:
        yield aside
        _publish(aside, output)
    except OSError as error:
        raise DatasetError(f"the snapshot could not be written: {error}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _publish(aside: Path, output: Path) -> None:
    aside.chmod(0o755)  # mkdtemp allows only the owner to read it
    for path in [*aside.rglob("*"), aside]:
        fsync_path(path)
    if os.path.lexists(output):
        raise OutputExistsError(f"{output} was created meanwhile; name another folder")
    aside.rename(output)
    fsync_path(output.parent)
