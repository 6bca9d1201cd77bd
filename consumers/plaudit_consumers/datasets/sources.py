"""Finding the files of a live root: a folder, or an object store whose files are copied aside."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from obstore.exceptions import BaseError

from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.rows.schemas import TRAINING, Subset

VERSION: Final = "v1"
HIDDEN: Final = ".plaudit"
MARKERS: Final = f"{HIDDEN}/markers"
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
    """The files that sinks have published under one root, local or remote."""

    def __init__(self, root: str) -> None:
        """Lists nothing yet.

        Raises:
            SourceFileError: there is no such root.
        """
        self._root, self._base = root, Path(root.removeprefix("file://"))
        self._store = _store(root)
        if not any(self._has(folder) for folder in (VERSION, HIDDEN)):
            raise SourceFileError(f"{root} holds no folder {VERSION}; --root is where the sink writes")

    def files(self, partition: int | None = None) -> dict[Subset, list[Published]]:
        """The files of each subset, of one partition or of all, as of now.

        Raises:
            SourceFileError: a foreign file lies among them.
        """
        found: dict[Subset, list[Published]] = {}
        # Canonical files last: one is published before its training files, so each of those has its own.
        for subset in (*TRAINING, "conversations"):
            files = [published(name, place) for name, place in self._names(f"{VERSION}/{subset}")]
            found[subset] = sorted(
                file for file in files if file is not None and partition in (None, file.partition)
            )
        return found

    def _has(self, folder: str) -> bool:
        return (self._base / folder).is_dir() if self._store is None else bool(self._listed(folder))

    def _listed(self, folder: str) -> list[tuple[str, str]]:
        try:
            paths = [entry["path"] for batch in self._store.list(prefix=folder) for entry in batch]
        except BaseError as error:
            raise SourceFileError(
                f"{self._root} cannot be read: {str(error).partition(chr(10))[0]}"
            ) from None
        return sorted((path.removeprefix(folder + "/"), path) for path in paths)

    def _names(self, folder: str) -> list[tuple[str, str]]:
        if self._store is not None:
            return self._listed(folder)
        base = self._base / folder
        return [(str(path.relative_to(base)), str(path)) for path in base.rglob("*") if path.is_file()]

    def markers(self) -> dict[int, bytes]:
        """The sinks' markers by partition, as they are."""
        if self._store is None:
            found = {path.name: path.read_bytes() for path in self._base.glob(f"{MARKERS}/*/*.json")}
        else:
            paths = [path for _, path in self._listed(MARKERS) if path.endswith(".json")]
            found = {path.rpartition("/")[2]: bytes(self._store.get(path).bytes()) for path in paths}
        return {int(name.removesuffix(".json")): content for name, content in found.items()}

    def local(self, file: Published, aside: Path) -> Path:
        """A published file on this machine; a remote one is copied into `aside`, streaming."""
        if self._store is None:
            return Path(file.path)
        target = aside / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out, _readable(f"{self._root}/{file.path}"):
            for chunk in self._store.get(file.path).stream(min_chunk_size=_CHUNK):
                out.write(chunk)
        return target


@contextmanager
def _readable(place: str) -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        raise SourceFileError(f"{place} cannot be read: {str(error).partition(chr(10))[0]}") from None


def _store(root: str) -> Any:
    if "://" not in root or root.startswith("file://"):
        return None
    from plaudit_consumers.sink.objects import open_store  # noqa: PLC0415  # only where a root is remote

    return open_store(root)
