"""The manifest of a snapshot: how it was built, and the checksum of each file."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from plaudit_consumers.datasets.errors import SnapshotError
from plaudit_consumers.rows.schemas import Subset

MANIFEST: Final = "manifest.json"
FORMAT: Final = 2
_CHUNK_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class SnapshotFile:
    """One file of a snapshot.

    Attributes:
        path: relative to the snapshot.
        rows: None if the file is not Parquet.
    """

    path: str
    bytes: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything that determined the content of a snapshot, and the resulting counts and files.

    It names no machine and no time of the build, so that the same rows and options give the same bytes.

    Attributes:
        as_of: the snapshot has rows that the broker received up to this time (included); None without rows.
        schema: the layout of the live root.
        split: the share of each split.
        prompts: how each prompt is kept to one split.
        rules: the rules for training rows, all of them.
        aspects: application -> what it declares of its aspects; empty if nothing was declared.
        caps: what -> how many rows of one such thing a training subset may have.
        rows: subset -> split -> number of rows.
        left_out: subset -> reason -> number of rows that were left out, and of judged things without a row.
        accounts: what was judged, and what became of it (`SnapshotAccounts.document`).
        labels: KTO subset -> split -> `true` or `false` -> rows.
        erased: conversations that were left out because they were erased, even if later than `as_of`.
        read_to: partition of the finished topic -> the offset after the last record up to `as_of`.
        amendments: fate -> number of late words: merged, or why not.
        resolution: how votes were resolved, and how far raters agree (`resolution.VoteResolution.document`);
            empty if the snapshot has no training subset, or is of a version that did not say it.
    """

    as_of: str | None
    schema: str
    where: str | None
    where_conversation: str | None
    split: dict[str, float]
    salt: str
    prompts: str
    rules: dict[str, Any]
    aspects: dict[str, Any]
    caps: dict[str, int]
    rows: dict[Subset, dict[str, int]]
    left_out: dict[Subset, dict[str, int]]
    accounts: dict[str, Any]
    labels: dict[Subset, dict[str, dict[str, int]]]
    erased: int
    amendments: dict[str, int]
    read_to: dict[str, int]
    files: list[SnapshotFile]
    format: int = FORMAT
    resolution: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n"

    def late_words(self) -> str:
        """What became of the amendments, in words."""
        counts = [f"{fate.replace('_', ' ')} {count}" for fate, count in self.amendments.items()]
        return ", ".join(counts) or "none"

    def judgements(self) -> str:
        """What became of the judgements, in words; empty if the snapshot has no training subset."""
        counts = self.accounts["judgements_by_fate"].items()
        return ", ".join(f"{fate.replace('_', ' ')} {count}" for fate, count in counts)

    def subset_files(self, subset: str) -> list[SnapshotFile]:
        """The Parquet files of a subset."""
        return [file for file in self.files if file.path.startswith(subset + "/")]


def file_entry(folder: Path, path: Path, rows: int | None = None) -> SnapshotFile:
    """The entry of a manifest for a file in the folder of a snapshot."""
    return SnapshotFile(str(path.relative_to(folder)), path.stat().st_size, sha256(path), rows)


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a snapshot.

    Raises:
        SnapshotError: the folder is not a snapshot, or one of another format.
    """
    path = folder / MANIFEST
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        _check_format(path, document.get("format"))
        files = [SnapshotFile(**file) for file in document.pop("files")]
        return Manifest(files=files, **document)
    except FileNotFoundError:
        raise SnapshotError(f"{folder} is not a snapshot: it has no {MANIFEST}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise SnapshotError(f"{path} does not have the format of this version: {error}") from None


def _check_format(path: Path, found: Any) -> None:
    if found == FORMAT:
        return
    if found == 1:
        raise SnapshotError(
            f"{path} has format 1, in which training rows did not follow one set of rules; build the "
            "snapshot again from its root, or read it with the version that built it"
        )
    raise SnapshotError(f"{path} has the format {found}; this version reads {FORMAT}")


def verify_snapshot(folder: Path) -> Manifest:
    """Read the manifest of a snapshot, and compare every file with it.

    Raises:
        SnapshotError: a file is missing or was changed.
    """
    manifest = read_manifest(folder)
    for file in manifest.files:
        path = folder / file.path
        if not path.is_file():
            raise SnapshotError(f"{path} is missing; build the snapshot again")
        # The size first: it settles most changes without reading the file.
        if path.stat().st_size != file.bytes or sha256(path) != file.sha256:
            raise SnapshotError(f"{path} was changed after it was built; build the snapshot again")
    return manifest


def sha256(path: Path) -> str:
    """The SHA-256 checksum of a file, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
