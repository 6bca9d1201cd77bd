"""The manifest of a snapshot: how it was made, and a checksum of each of its files."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.rows.schemas import Subset

NAME: Final = "manifest.json"
FORMAT: Final = 1
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """One file of a snapshot, by its path in there; notes have no rows."""

    path: str
    bytes: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that decided a snapshot's content, and what came of it. No clock, no machine.

    Attributes:
        as_of: broker timestamps up to this one count; null: there were no rows.
        split: each split's share.
        prompts: how a prompt text is kept to one split.
        rows: subset -> split -> rows.
        left_out: subset -> reason -> rows of the chosen revisions that are not in here.
        erased: conversations left out because they were erased, whenever that was.
        read_to: partition of the finished topic -> the offset after the last record in time.
        thresholds: what the files' rows were made with, as their metadata says; each text once.
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
    files: list[File]
    format: int = FORMAT

    def text(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def subset_files(self, subset: str) -> list[File]:
        """The Parquet files of a subset."""
        return [file for file in self.files if file.path.startswith(subset + "/")]


def described(folder: Path, path: Path, rows: int | None = None) -> File:
    """A file as a manifest has it."""
    return File(str(path.relative_to(folder)), path.stat().st_size, sha256(path), rows)


def read(folder: Path) -> Manifest:
    """The manifest of a snapshot.

    Raises:
        SnapshotError: the folder is no snapshot, or one of a newer format.
    """
    try:
        document = json.loads((folder / NAME).read_text(encoding="utf-8"))
        files = [File(**file) for file in document.pop("files")]
        manifest = Manifest(files=files, **document)
    except FileNotFoundError:
        raise SnapshotError(f"{folder} is no snapshot: it has no {NAME}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SnapshotError(f"{folder / NAME} is not of this version's format: {error}") from None
    if manifest.format != FORMAT:
        raise SnapshotError(f"{folder / NAME} has the format {manifest.format}; this version reads {FORMAT}")
    return manifest


def verify(folder: Path) -> Manifest:
    """The manifest, after comparing every file with it.

    Raises:
        SnapshotError: a file is missing or was changed.
    """
    manifest = read(folder)
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
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
