"""Finds the files of a live root: a local folder, or an object store whose files are copied first."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from obstore.exceptions import BaseError
from plaudit_schemas.settings.location import parse_location

from plaudit_consumers.datasets.errors import SourceFileError, first_line
from plaudit_consumers.disk import list_files
from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.sink.layout import HIDDEN, LAYOUT, LOST, MARKERS, ROOT_FILE, FileSpan, parse_name
from plaudit_consumers.sink.outputs.lost_ranges import LostRange, parse_lost_path

_CHUNK_BYTES: Final = 8 << 20


class PublishedFile(NamedTuple):
    """A file that a sink has published.

    Attributes:
        span: the records that it covers; a canonical file and the amendments beside it have the same span.
        path: the whole path for a local root, the path within the store for a remote one.
    """

    span: FileSpan
    path: str


def published_file(name: str, path: str) -> PublishedFile | None:
    """Parse the name of a file in the folder of its subset.

    Returns:
        None for a hidden file and for one that is not Parquet.

    Raises:
        SourceFileError: it is a Parquet file with a name that no sink gives.
    """
    if any(part.startswith((".", "_")) for part in name.split("/")) or not name.endswith(".parquet"):
        return None
    span = parse_name(name)
    if span is None:
        raise SourceFileError(
            f"{path} is not a file of a sink (date=YYYY-MM-DD/partition-first-last.parquet); move it away"
        )
    return PublishedFile(span, path)


class LiveRoot:
    """The files that sinks have published under one root, local or remote."""

    def __init__(self, root: str) -> None:
        """Lists nothing yet.

        Raises:
            SourceFileError: there is no such root.
        """
        self._root = root
        try:
            location = parse_location(root)
        except ValueError as error:
            raise SourceFileError(f"the root {error}") from None
        self._base = location if isinstance(location, Path) else Path()
        self._store: Any = None if isinstance(location, Path) else _store(root)
        if not any(self._has_folder(folder) for folder in (LAYOUT, HIDDEN)):
            raise SourceFileError(f"{root} has no folder {LAYOUT}; --root must be where the sink writes")

    def files(self, partition: int | None = None) -> dict[Subset, list[PublishedFile]]:
        """The current files of both subsets, of one partition or of all.

        Files with training rows, which an earlier sink wrote beside them, are passed over.

        Raises:
            SourceFileError: a foreign file is among them.
        """
        found: dict[Subset, list[PublishedFile]] = {}
        subsets: tuple[Subset, ...] = ("conversations", "amendments")
        # A sink may publish meanwhile: amendments, then the canonical file. Listed the other way round, every
        # canonical file found has its amendments.
        for subset in subsets:
            files = [published_file(name, path) for name, path in self._names(f"{LAYOUT}/{subset}")]
            found[subset] = sorted(
                file for file in files if file is not None and partition in (None, file.span.partition)
            )
        return found

    def markers(self) -> dict[int, bytes]:
        """The content of the sinks' markers, by partition."""
        if self._store is None:
            found = {path.name: path.read_bytes() for path in self._base.glob(f"{MARKERS}/*/*.json")}
        else:
            paths = [path for _, path in self._remote_names(MARKERS) if path.endswith(".json")]
            found = {path.rpartition("/")[2]: bytes(self._store.get(path).bytes()) for path in paths}
        return {int(name.removesuffix(".json")): content for name, content in found.items()}

    def lost_ranges(self) -> list[LostRange]:
        """The offsets that Kafka deleted before a sink had read them, as the sinks recorded them."""
        folder = self._names(LOST)
        found = [parse_lost_path(f"{LOST}/{name}") for name, _ in folder]
        return sorted(each for each in found if each is not None)

    def topic_id(self) -> str | None:
        """The id of the topic that the root was made from; None if no sink has written to it yet."""
        content: bytes | None = None
        if self._store is None:
            with suppress(FileNotFoundError):
                content = (self._base / ROOT_FILE).read_bytes()
        elif ROOT_FILE in [path for _, path in self._remote_names(HIDDEN)]:
            content = bytes(self._store.get(ROOT_FILE).bytes())
        return None if content is None else str(json.loads(content)["topic_id"])

    def local_path(self, file: PublishedFile, copies: Path) -> Path:
        """The local path of a published file. A remote file is copied into `copies` first, in chunks.

        Raises:
            SourceFileError: a remote file cannot be read.
        """
        if self._store is None:
            return Path(file.path)
        target = copies / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as out, _store_errors(f"{self._root}/{file.path}"):
            for chunk in self._store.get(file.path).stream(min_chunk_size=_CHUNK_BYTES):
                out.write(chunk)
        return target

    def _has_folder(self, folder: str) -> bool:
        return (self._base / folder).is_dir() if self._store is None else bool(self._remote_names(folder))

    def _names(self, folder: str) -> list[tuple[str, str]]:
        """(name within the folder, path) of every file under a folder."""
        if self._store is not None:
            return self._remote_names(folder)
        base = self._base / folder
        try:
            files, odd = list_files(base)
        except OSError as error:
            raise SourceFileError(f"{base} cannot be read: {error.strerror}") from None
        for path, reason in odd.items():
            raise SourceFileError(f"{path} {reason}; move it away")
        return [(str(path.relative_to(base)), str(path)) for path in files]

    def _remote_names(self, folder: str) -> list[tuple[str, str]]:
        with _store_errors(self._root):
            paths = [entry["path"] for batch in self._store.list(prefix=folder) for entry in batch]
        return sorted((path.removeprefix(folder + "/"), path) for path in paths)


@contextmanager
def _store_errors(place: str) -> Iterator[None]:
    try:
        yield
    except BaseError as error:
        raise SourceFileError(f"{place} cannot be read: {first_line(error)}") from None


def _store(root: str) -> Any:
    from plaudit_consumers.sink.outputs.objects import open_store  # noqa: PLC0415  # only for a remote root

    return open_store(root)
