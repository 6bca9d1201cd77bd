"""Finding the files of a live root: a folder, or an object store whose files are copied aside."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.rows.schemas import SUBSETS, Subset

VERSION: Final = "v1"
_NAME = re.compile(r"date=(\d{4}-\d{2}-\d{2})/(\d+)-(\d+)-(\d+)\.parquet")
_CHUNK = 8 << 20


class Published(NamedTuple):
    """One published file; `first` and `last` are offsets of the finished topic's partition."""

    date: str
    partition: int
    first: int
    last: int
    path: str

    @property
    def place(self) -> tuple[str, int, int, int]:
        """What a canonical file and its training files have in common."""
        return self[:4]


def published(name: str, place: str) -> Published | None:
    """A file of a subset's folder by its name there; None for one in the making, or a note.

    Raises:
        SourceFileError: it is a Parquet file that no sink has written.
    """
    if any(part.startswith((".", "_")) for part in name.split("/")) or not name.endswith(".parquet"):
        return None
    match = _NAME.fullmatch(name)
    if match is None:
        raise SourceFileError(
            f"{place} is no file of a sink (date=YYYY-MM-DD/partition-first-last.parquet); move it away"
        )
    date, *numbers = match.groups()
    partition, first, last = map(int, numbers)
    return Published(date, partition, first, last, place)


class LiveRoot:
    """The files that sinks have published under one root, local or remote.

    Raises:
        SourceFileError: the root does not exist, or a foreign file lies in it.
    """

    def __init__(self, root: str, subsets: Iterable[Subset] = SUBSETS) -> None:
        self._store = _store(root)
        # Canonical files last: one is published before its training files, so each of those has its own.
        order = sorted(subsets, key=lambda subset: subset == "conversations")
        folders = {subset: f"{VERSION}/{subset}" for subset in order}
        if self._store is None:
            base = Path(root.removeprefix("file://")) / VERSION
            if not base.is_dir():
                raise SourceFileError(f"{root} holds no folder {VERSION}; --root is where the sink writes")
            names = {
                subset: [(str(path.relative_to(base / subset)), str(path)) for path in _walk(base / subset)]
                for subset in folders
            }
        else:
            names = {subset: _listed(self._store, folder) for subset, folder in folders.items()}
        self.files: dict[Subset, list[Published]] = {}
        for subset, found in names.items():
            files = [file for name, place in found if (file := published(name, place)) is not None]
            self.files[subset] = sorted(files)

    def local(self, file: Published, aside: Path) -> Path:
        """A published file on this machine; a remote one is copied into `aside`, streaming."""
        if self._store is None:
            return Path(file.path)
        target = aside / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out:
            for chunk in self._store.get(file.path).stream(min_chunk_size=_CHUNK):
                out.write(chunk)
        return target


def _walk(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _store(root: str) -> Any:
    if "://" not in root or root.startswith("file://"):
        return None
    from obstore.store import from_url  # noqa: PLC0415  # only where a root is remote

    return from_url(root)


def _listed(store: Any, folder: str) -> list[tuple[str, str]]:
    paths = [entry["path"] for batch in store.list(prefix=folder) for entry in batch]
    return sorted((path.removeprefix(folder + "/"), path) for path in paths)
