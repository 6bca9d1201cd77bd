"""The identity of a snapshot's content, by which caches notice that a snapshot was built again."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from plaudit_consumers.datasets.manifest import MANIFEST, SnapshotFile, sha256

_SHOWN: Final = 16


def content_id(files: Iterable[SnapshotFile]) -> str:
    """An id of some files: the same names and contents give the same 16 hex digits, in any order."""
    lines = sorted(f"{file.path} {file.sha256}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()[:_SHOWN]


def snapshot_id(folder: Path) -> str:
    """The id of a whole snapshot: the SHA-256 of its manifest, which has the checksum of every other file.

    Raises:
        OSError: the manifest cannot be read.
    """
    return sha256(folder / MANIFEST)


def config_description(files: Iterable[SnapshotFile]) -> str:
    """What a configuration of the data card is described as.

    Hugging Face `datasets` names the cache of a local folder by the folder's name and by the configurations
    as they are written, and looks at no file. Only a text that follows the content keeps it from giving the
    rows of an earlier snapshot, or of another folder of the same name.
    """
    return f"content {content_id(files)}"
