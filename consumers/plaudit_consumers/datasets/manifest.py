"""The manifest of a snapshot: how it was made, and a checksum of each of its files."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.rows.schemas import Subset

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One file of a snapshot.

    Attributes:
        path: relative to the snapshot.
        rows: None for a file that is no Parquet.
    """

    path: str
    bytes: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that decided a snapshot's content, and what came of it. No machine's name, no clock's time.

    Attributes:
        as_of: the rows that the broker took up to then (included); None: there were no rows.
        schema: the layout of the live root.
        split: each split's share.
        prompts: how a prompt text is kept to one split.
        rows: subset -> split -> rows.
        left_out: subset -> reason -> rows of the chosen revisions that are not in here.
        erased: conversations left out because they were erased, whenever that was.
        read_to: partition of the finished topic -> the offset after the last record in time.
        thresholds: the settings that the rows were made with, as the files' metadata says; each once.
    """

    as_of: str | None
    schema: str
    where: str | None
    min_agreement: float | None
    split: dict[str, float]
    salt: str
    prompts: str
    rows: dict[Subset, dict[str, int]]
    left_out: dict[Subset, dict[str, int]]
    erased: int
    read_to: dict[str, int]
    thresholds: list[Any]
    files: list[SnapshotFile]
    format: int = FORMAT

    def text(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def subset_files(self, subset: str) -> list[SnapshotFile]:
        """The Parquet files of a subset."""
        return [file for file in self.files if file.path.startswith(subset + "/")]


def file_entry(folder: Path, path: Path, rows: int | None = None) -> SnapshotFile:
    """A file of a snapshot's folder, as a manifest has it."""
    return SnapshotFile(str(path.relative_to(folder)), path.stat().st_size, sha256(path), rows)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a snapshot.

    Raises:
        SnapshotError: the folder is no snapshot, or one of a newer format.
    """
    try:
        document = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        files = [SnapshotFile(**file) for file in document.pop("files")]
        manifest = Manifest(files=files, **document)
    except FileNotFoundError:
        raise SnapshotError(f"{folder} is no snapshot: it has no {MANIFEST}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SnapshotError(f"{folder / MANIFEST} is not of this version's format: {error}") from None
    if manifest.format != FORMAT:
        raise SnapshotError(
            f"{folder / MANIFEST} has the format {manifest.format}; this version reads {FORMAT}"
        )
    return manifest


def verify_snapshot(folder: Path) -> Manifest:
    """The manifest, after comparing every file with it.

    Raises:
        SnapshotError: a file is missing or was changed.
    """
    manifest = read_manifest(folder)
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            raise SnapshotError(f"{path} is missing; build the snapshot again")
        if path.stat().st_size != file.bytes or sha256(path) != file.sha256:
            raise SnapshotError(f"{path} was changed after it was built; build the snapshot again")
    return manifest


def sha256(path: Path) -> str:
    """A file's checksum, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
