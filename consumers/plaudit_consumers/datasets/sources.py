"""Finding the files of a live root: a folder, or an object store whose files are copied aside."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from plaudit_consumers.datasets.errors import SourceFileError
from plaudit_consumers.rows.schemas import SCHEMAS, SUBSETS, Subset

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
        folders = {subset: f"{VERSION}/{subset}" for subset in subsets}
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

    def local(self, subset: Subset, aside: Path, *, until: str = "9999") -> list[str]:
        """Local paths of a subset's files up to a date; remote ones are copied to `aside`, streaming."""
        files = [file for file in self.files[subset] if file.date <= until]
        if self._store is None:
            return [file.path for file in files]
        paths = []
        for file in files:
            target = aside / file.path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as out:
                for chunk in self._store.get(file.path).stream(min_chunk_size=_CHUNK):
                    out.write(chunk)
            paths.append(str(target))
        return paths


def check_schema(subset: Subset, path: str) -> None:
    """Read a file's footer.

    Raises:
        SourceFileError: it is damaged, or its columns are not those of the subset.
    """
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise SourceFileError(f"{path} cannot be read as Parquet: {error}") from None
    if not schema.equals(SCHEMAS[subset]):
        odd = sorted(set(schema.names) ^ set(SCHEMAS[subset].names))
        what = f"the columns {', '.join(odd)} differ" if odd else "types differ"
        raise SourceFileError(f"{path} has another schema than {subset} of {VERSION}: {what}; move it away")


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
