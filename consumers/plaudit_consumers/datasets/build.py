"""Builds a snapshot in a temporary folder and renames it, so that it never becomes visible half-written."""

import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq
from plaudit_schemas.contract.times import moment

from plaudit_consumers.datasets.accounts import SnapshotAccounts
from plaudit_consumers.datasets.amending import amend_rows
from plaudit_consumers.datasets.aside import aside_of, check_apart
from plaudit_consumers.datasets.card import card_text
from plaudit_consumers.datasets.database import Database
from plaudit_consumers.datasets.describing import describe_subsets
from plaudit_consumers.datasets.errors import DatasetError
from plaudit_consumers.datasets.files import SourceFiles
from plaudit_consumers.datasets.manifest import MANIFEST, Manifest, SnapshotFile, file_entry
from plaudit_consumers.datasets.plan import SPLITS, SnapshotPlan
from plaudit_consumers.datasets.revisions import RevisionSelection
from plaudit_consumers.datasets.selection import RowSelection, SelectionSummary
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.datasets.writing import write_split
from plaudit_consumers.rows.schemas import SCHEMAS
from plaudit_consumers.sink.layout import LAYOUT

_PROMPTS: Final = "a prompt goes to the split of most of its users"


def build_snapshot(root: str, plan: SnapshotPlan) -> Manifest:
    """Build the snapshot of a live root that `plan` describes.

    Memory is bounded by `plan.memory_mb`, a few row groups of the writer, one vector of 2,048 rows, and all
    votes on one answer or pair. To weight raters takes 200 bytes for each of them beside.

    Raises:
        OutputExistsError: the output exists.
        OutputPlaceError: the output lies in the root.
        SourceFileError: the root, or a file in it, cannot be used.
        ConditionError: the condition cannot be used.
        DatasetError: memory or disk space did not suffice.
    """
    check_apart(root, plan.output)
    with aside_of(plan.output) as aside:
        work = aside / "work"
        work.mkdir()
        sources = SourceFiles(LiveRoot(root), work / "copied")
        database = Database(work, plan.memory_mb, plan.threads)
        try:
            revisions = RevisionSelection(database, work, plan, sources.paths, sources.older)
            amended = amend_rows(revisions, revisions.choose_revisions(), work / "amended.parquet")
            revisions.replace_rows(amended.path)
            selection = RowSelection(database, revisions, plan, work)
            selection.judge()
            summary = selection.choose_rows()
            files = _write_rows(selection, plan, summary.accounts, aside)
        finally:
            database.close()
        shutil.rmtree(work)  # it is in the folder that becomes the snapshot
        late = Counter(summary.amendments) + Counter(amended.fates)
        manifest = _manifest(plan, summary, late, files)
        _write_descriptions(manifest, aside)
        return manifest


def _write_rows(
    selection: RowSelection, plan: SnapshotPlan, accounts: SnapshotAccounts, aside: Path
) -> list[SnapshotFile]:
    files: list[SnapshotFile] = []
    for subset in plan.subsets:
        splits = accounts.rows(subset)
        if splits:
            (aside / subset).mkdir()
        for split in SPLITS:
            if split not in splits:
                continue
            batches = selection.chosen_rows(subset, split)
            paths = write_split(aside / subset, split, SCHEMAS[subset], batches)
            rows = {path: pq.read_metadata(path).num_rows for path in paths}
            files += [file_entry(aside, path, count) for path, count in rows.items()]
            chosen, written = splits[split], sum(rows.values())
            # The manifest counts what was chosen: it must not be published beside other rows.
            if written != chosen:
                raise DatasetError(f"{subset}/{split}: {written} of {chosen} chosen rows were written")
    return files


def _write_descriptions(manifest: Manifest, aside: Path) -> None:
    """Write the data card, which becomes one of the manifest's files, and the manifest."""
    descriptions = describe_subsets(
        {subset: [aside / file.path for file in manifest.subset_files(subset)] for subset in manifest.rows}
    )
    # The card first, so that the manifest has its checksum too.
    readme = aside / "README.md"
    readme.write_text(card_text(manifest, descriptions), encoding="utf-8")
    manifest.files.append(file_entry(aside, readme))
    (aside / MANIFEST).write_text(manifest.text(), encoding="utf-8")


def _manifest(
    plan: SnapshotPlan, summary: SelectionSummary, amendments: Mapping[str, int], files: list[SnapshotFile]
) -> Manifest:
    as_of = plan.as_of or (moment(summary.as_of) if summary.as_of is not None else None)
    accounts = summary.accounts
    found = {subset: accounts.rows(subset) for subset in plan.subsets}
    return Manifest(
        as_of=_iso_time(as_of),
        schema=LAYOUT,
        where=plan.where,
        where_conversation=plan.where_conversation,
        split=dict(zip(SPLITS, plan.shares, strict=True)),
        salt=plan.salt,
        prompts=_PROMPTS,
        rules=plan.rules.model_dump(mode="json"),
        aspects={
            application: [each.model_dump(mode="json") for each in declared]
            for application, declared in plan.aspects
        },
        caps={what: most for what, most in plan.caps._asdict().items() if most is not None},
        rows={
            subset: {split: rows[split] for split in SPLITS if split in rows}
            for subset, rows in found.items()
        },
        left_out={subset: accounts.left_out(subset) for subset in plan.subsets},
        accounts=accounts.document(plan.subsets),
        resolution=summary.resolution,
        labels={
            subset: {
                split: {str(label).lower(): rows for label, rows in by_label.items()}
                for split, by_label in by_split.items()
            }
            for subset, by_split in accounts.labels.items()
        },
        erased=summary.erased,
        amendments=dict(sorted(amendments.items())),
        read_to={str(partition): offset for partition, offset in sorted(summary.positions.items())},
        files=files,
    )


def _iso_time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat().replace("+00:00", "Z")
