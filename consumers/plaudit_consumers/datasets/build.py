"""Building a snapshot: aside, then renamed, so that nobody ever sees half of one."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from plaudit_schemas.events import moment

from plaudit_consumers.datasets.card import card
from plaudit_consumers.datasets.describing import describe
from plaudit_consumers.datasets.errors import DatasetError, OutputExistsError
from plaudit_consumers.datasets.files import Sources
from plaudit_consumers.datasets.manifest import NAME, File, Manifest, described
from plaudit_consumers.datasets.plan import SPLITS, Plan
from plaudit_consumers.datasets.selection import Selection, Summary
from plaudit_consumers.datasets.sources import VERSION, LiveRoot
from plaudit_consumers.datasets.writing import write_split
from plaudit_consumers.disk import sync
from plaudit_consumers.rows.schemas import SCHEMAS

PROMPTS = "a prompt text goes to the split in which it came up first"
_FATES = ("consent_denied", "filtered", "duplicate", "prompt_of_another_split")


def build(root: str, plan: Plan) -> Manifest:
    """Build the snapshot of a live root that `plan` describes.

    Memory is bounded by `plan.memory_mb`, a few row groups of the writer and one vector of 2,048 rows.

    Raises:
        OutputExistsError: the output exists.
        SourceFileError: the root, or a file in it, cannot be used.
        ConditionError: the condition cannot be used.
        DatasetError: memory or disk did not suffice.
    """
    with _aside(plan.output) as aside:
        work = aside / "work"
        work.mkdir()
        sources = _sources(root, plan, work)
        selection = Selection(work, plan, sources.paths)
        try:
            summary = selection.choose()
            files = _write(selection, plan, summary, aside)
        finally:
            selection.close()
        shutil.rmtree(work)
        return _describe(_manifest(plan, summary, files, sources.thresholds(summary.holders)), aside)


def _sources(root: str, plan: Plan, work: Path) -> Sources:
    until = plan.as_of.date().isoformat() if plan.as_of else "9999"
    return Sources(LiveRoot(root), plan.subsets, work / "copied", until)


def _write(selection: Selection, plan: Plan, summary: Summary, aside: Path) -> list[File]:
    files = []
    for subset in plan.subsets:
        if summary.count(subset):
            (aside / subset).mkdir()
        for split in SPLITS:
            if not summary.count(subset, split):
                continue
            batches = selection.rows(subset, split)
            for path in write_split(aside / subset, split, SCHEMAS[subset], batches):
                rows = pq.read_metadata(path).num_rows
                files.append(described(aside, path, rows))
            written = sum(file.rows or 0 for file in files if file.path.startswith(f"{subset}/{split}-"))
            if written != summary.count(subset, split):
                raise DatasetError(f"{subset}/{split}: {written} rows were written of those chosen")
    return files


def _describe(manifest: Manifest, aside: Path) -> Manifest:
    descriptions = {
        subset: describe(subset, [aside / file.path for file in manifest.subset_files(subset)])
        for subset, rows in manifest.rows.items()
        if rows
    }
    readme = aside / "README.md"
    readme.write_text(card(manifest, descriptions), encoding="utf-8")
    manifest.files.append(described(aside, readme))
    (aside / NAME).write_text(manifest.text(), encoding="utf-8")
    return manifest


def _manifest(plan: Plan, summary: Summary, files: list[File], thresholds: list[dict[str, Any]]) -> Manifest:
    as_of = plan.as_of or (moment(summary.as_of) if summary.as_of is not None else None)
    return Manifest(
        as_of=_text(as_of),
        schema=VERSION,
        where=plan.where,
        min_agreement=plan.min_agreement,
        split=dict(zip(SPLITS, plan.shares, strict=True)),
        salt=plan.salt,
        prompts=PROMPTS,
        rows={
            subset: {split: rows for split in SPLITS if (rows := summary.count(subset, split))}
            for subset in plan.subsets
        },
        left_out={
            subset: {fate: rows for fate in _FATES if (rows := summary.count(subset, fate=fate))}
            for subset in plan.subsets
        },
        erased=summary.erased,
        read_to={str(partition): offset for partition, offset in sorted(summary.positions.items())},
        thresholds=thresholds,
        files=files,
    )


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")


@contextmanager
def _aside(output: Path) -> Iterator[Path]:
    """A folder beside the output, which takes its name at the end; removed after a failure."""
    if os.path.lexists(output):
        raise OutputExistsError(f"{output} exists; a snapshot is never written over: name another folder")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
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
    aside.chmod(0o755)  # mkdtemp gives it to one user alone
    for path in [*aside.rglob("*"), aside]:
        sync(path)
    if os.path.lexists(output):
        raise OutputExistsError(f"{output} was made meanwhile; name another folder")
    aside.rename(output)
    sync(output.parent)
