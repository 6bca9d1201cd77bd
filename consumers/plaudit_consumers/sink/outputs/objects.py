"""An output in an object store."""

import io
import tempfile
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import obstore
import pyarrow as pa
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from plaudit_schemas.object_store import first_line, store_at
from plaudit_schemas.settings.location import StoreLocation, parse_location

from plaudit_consumers.sink.errors import OutputError, OutputUnavailableError
from plaudit_consumers.sink.layout import HIDDEN
from plaudit_consumers.sink.outputs.output import FileVersion, VersionConflict
from plaudit_consumers.sink.outputs.scratch import ScratchFolder

_LARGEST_IN_ONE_PIECE: Final = 64 << 20
"""In bytes. Only a put in one piece can be conditional, but it holds the whole file in memory."""
_PART_BYTES: Final = 16 << 20


def open_store(url: str) -> Any:
    """The store at a URL.

    Raises:
        OutputError: it is not the URL of a store.
    """
    try:
        location = parse_location(url)
    except ValueError as error:
        raise OutputError(f"the URL of the output {error}") from None
    if not isinstance(location, StoreLocation):
        raise OutputError(f"{url} is a folder, not a URL of an object store")
    try:
        return store_at(location)
    except ValueError as error:
        raise OutputError(f"{url} is not a usable URL of an object store: {error}") from None


class ObjectOutput:
    """Files are made in a local scratch folder, and uploaded to a path if nothing is there yet."""

    def __init__(self, url: str, scratch: str | None = None) -> None:
        """Connects to nothing yet.

        Args:
            scratch: the folder for files being written; None takes the system's.

        Raises:
            OutputError: the URL or the folder cannot be used.
        """
        self._url = url
        self._store = open_store(url)
        folder = scratch or tempfile.gettempdir()
        try:
            self._scratch = ScratchFolder(Path(folder) / "plaudit-sink")
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be written ({error.strerror}); set PLAUDIT_SINK_SCRATCH"
            ) from None
        self.scratch = self._scratch.path

    def check_usable(self) -> None:
        # Some stores accept a conditional write but ignore the condition, so both kinds must fail once.
        probe = f"{HIDDEN}/probe-{uuid.uuid4().hex}"
        try:
            version = self.swap(probe, b"1", None)
            refuses = self._refuses_swap(probe, None)
            self.swap(probe, b"2", version)
            refuses = refuses and self._refuses_swap(probe, version)
            obstore.delete(self._store, probe)
        except (OutputError, BaseError, OSError) as error:
            raise OutputError(f"{self._url} cannot be written: {first_line(error)}") from None
        if not refuses:
            raise OutputError(
                f"{self._url} does not honour conditional writes, and without them two sinks could "
                "write the same rows; use a store that does"
            )

    def paths(self, folder: str, *, but: Collection[str] = ()) -> list[str]:
        left_out = tuple(f"{each}/" for each in but)
        with _unavailable(folder):
            paths = [str(found["path"]) for batch in obstore.list(self._store, folder) for found in batch]
        return sorted(path for path in paths if not path.startswith(left_out))

    def looks_damaged(self, path: str) -> bool:
        del path
        return False  # a look would cost a request for each file

    def publish(self, file: Path, path: str) -> bool:
        with _unavailable(path):
            if file.stat().st_size > _LARGEST_IN_ONE_PIECE:
                if self._exists(path):  # not atomic: here only the marker's claim keeps two sinks apart
                    return False
                # Two parts at a time, to bound the memory.
                obstore.put(
                    self._store, path, file, use_multipart=True, chunk_size=_PART_BYTES, max_concurrency=2
                )
            else:
                try:
                    obstore.put(self._store, path, file, mode="create", use_multipart=False)
                except AlreadyExistsError:
                    return False
        file.unlink(missing_ok=True)
        return True

    def open_file(self, path: str) -> Any:
        with _unavailable(path):
            size = obstore.head(self._store, path)["size"]
            return pa.PythonFile(_ObjectFile(self._store, path, size), mode="r")

    def load(self, path: str) -> tuple[bytes, FileVersion] | None:
        with suppress(FileNotFoundError), _unavailable(path):
            found = obstore.get(self._store, path)
            version = {"e_tag": found.meta["e_tag"], "version": found.meta["version"]}
            return bytes(found.bytes()), version
        return None

    def swap(self, path: str, data: bytes, version: FileVersion | None) -> FileVersion:
        mode: Any = "create" if version is None else _condition(version)
        with _unavailable(path):
            try:
                put = obstore.put(self._store, path, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                raise VersionConflict(path) from None
            except FileNotFoundError as error:
                # The object that had this version was deleted.
                if version is not None:
                    raise VersionConflict(path) from None
                raise OutputUnavailableError(f"{path}: {first_line(error)}") from None
        return {"e_tag": put["e_tag"], "version": put["version"]}

    def replace(self, path: str, data: bytes) -> None:
        with _unavailable(path):
            obstore.put(self._store, path, data, use_multipart=False)

    def close(self) -> None:
        self._scratch.close()

    def _exists(self, path: str) -> bool:
        with suppress(FileNotFoundError), _unavailable(path):
            obstore.head(self._store, path)
            return True
        return False

    def _refuses_swap(self, path: str, version: FileVersion | None) -> bool:
        try:
            self.swap(path, b"3", version)
        except VersionConflict:
            return True
        return False


class _ObjectFile(io.RawIOBase):
    """Random access to one object; each read is a request."""

    def __init__(self, store: Any, path: str, size: int) -> None:
        self._store, self._path, self._size, self._position = store, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = (
            offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        )
        return self._position

    def read(self, size: int = -1) -> bytes:
        length = self._size - self._position if size < 0 else min(size, self._size - self._position)
        if length <= 0:
            return b""
        with _unavailable(self._path):
            found = bytes(obstore.get_range(self._store, self._path, start=self._position, length=length))
        self._position += len(found)
        return found


def _condition(version: FileVersion) -> dict[str, str]:
    """The version without the parts that the store does not use, because it refuses nulls."""
    assert isinstance(version, dict)  # noqa: S101  # `swap` and `load` made it
    return {name: value for name, value in version.items() if value is not None}


@contextmanager
def _unavailable(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, AlreadyExistsError, PreconditionError):
        raise  # answers of a store that works
    except (BaseError, OSError) as error:
        raise OutputUnavailableError(f"{path}: {first_line(error)}; the sink waits") from error
