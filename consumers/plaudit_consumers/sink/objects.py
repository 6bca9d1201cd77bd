"""An output in an object store: S3 and what speaks like it, Google Cloud Storage, Azure Blob Storage.

Credentials and regions come from the provider's own environment variables, such as
`AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME`.
"""

import io
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import obstore
import pyarrow as pa
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from plaudit_consumers.sink.errors import OutputError, OutputUnavailableError
from plaudit_consumers.sink.names import HIDDEN
from plaudit_consumers.sink.output import Conflict, Version
from plaudit_consumers.sink.scratch import Scratch

SCHEMES: Final = ("s3", "gs", "az")
_RETRY: Final[Any] = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
_LARGE: Final = 64 << 20
"""Of a file: one that takes a condition goes up in one piece, and through memory."""


def open_store(url: str) -> Any:
    """The store that a URL names.

    Raises:
        OutputError: the URL names none.
    """
    client: Any = {"timeout": timedelta(seconds=120), "allow_http": _plain_http()}
    try:
        return from_url(url, client_options=client, retry_config=_RETRY)
    except (BaseError, ValueError) as error:
        raise OutputError(f"{url} is no output: {_first_line(error)}") from None


class ObjectOutput:
    """Files are made in a local scratch folder and put whole, on condition that nothing is there."""

    def __init__(self, url: str, scratch: str | None = None) -> None:
        """Raises OutputError where the URL or the scratch folder does not serve."""
        self._url = url
        self._store = open_store(url)
        folder = scratch or tempfile.gettempdir()
        try:
            self._scratch = Scratch(Path(folder) / "plaudit-sink")
        except OSError as error:
            raise OutputError(
                f"{folder} cannot be written ({error.strerror}); set PLAUDIT_SINK_SCRATCH"
            ) from None
        self.scratch = self._scratch.path

    def check(self) -> None:
        probe = f"{HIDDEN}/probe-{uuid.uuid4().hex}"
        try:
            version = self.swap(probe, b"1", None)
            refused = self._refuses(probe, None)
            self.swap(probe, b"2", version)
            refused = refused and self._refuses(probe, version)
            obstore.delete(self._store, probe)
        except (OutputError, BaseError, OSError) as error:
            raise OutputError(f"{self._url} cannot be written: {_first_line(error)}") from None
        if not refused:
            raise OutputError(
                f"{self._url} does not honour conditional writes, without which two sinks could "
                "write the same rows; use a store that does"
            )

    def paths(self, folder: str) -> list[str]:
        with _unavailable(folder):
            return sorted(
                str(found["path"]) for batch in obstore.list(self._store, folder) for found in batch
            )

    def exists(self, path: str) -> bool:
        with suppress(FileNotFoundError), _unavailable(path):
            obstore.head(self._store, path)
            return True
        return False

    def damaged(self, path: str) -> bool:
        del path
        return False  # a look at each file would cost a request each

    def publish(self, file: Path, path: str) -> bool:
        with _unavailable(path):
            if file.stat().st_size > _LARGE:  # in parts, which takes no condition: the claim has to do
                if self.exists(path):
                    return False
                obstore.put(
                    self._store, path, file, use_multipart=True, chunk_size=16 << 20, max_concurrency=2
                )
            else:
                try:
                    obstore.put(self._store, path, file, mode="create", use_multipart=False)
                except AlreadyExistsError:
                    return False
        file.unlink(missing_ok=True)
        return True

    def open(self, path: str) -> Any:
        with _unavailable(path):
            size = obstore.head(self._store, path)["size"]
            return pa.PythonFile(_ObjectFile(self._store, path, size), mode="r")

    def load(self, path: str) -> tuple[bytes, Version] | None:
        with suppress(FileNotFoundError), _unavailable(path):
            found = obstore.get(self._store, path)
            version = {"e_tag": found.meta["e_tag"], "version": found.meta["version"]}
            return bytes(found.bytes()), version
        return None

    def swap(self, path: str, data: bytes, version: Version | None) -> Version:
        mode: Any = "create" if version is None else _given(version)
        with _unavailable(path):
            try:
                put = obstore.put(self._store, path, data, mode=mode, use_multipart=False)
            except (AlreadyExistsError, PreconditionError):
                raise Conflict(path) from None
            except FileNotFoundError as error:
                if version is not None:
                    raise Conflict(path) from None
                raise OutputUnavailableError(f"{path}: {_first_line(error)}") from None
        return {"e_tag": put["e_tag"], "version": put["version"]}

    def replace(self, path: str, data: bytes) -> None:
        with _unavailable(path):
            obstore.put(self._store, path, data, use_multipart=False)

    def close(self) -> None:
        self._scratch.close()

    def _refuses(self, path: str, version: Version | None) -> bool:
        try:
            self.swap(path, b"3", version)
        except Conflict:
            return True
        return False


class _ObjectFile(io.RawIOBase):
    """Random reads of one object, a request each."""

    def __init__(self, store: Any, path: str, size: int) -> None:
        self._store, self._path, self._size, self._at = store, path, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        length = self._size - self._at if size < 0 else min(size, self._size - self._at)
        if length <= 0:
            return b""
        with _unavailable(self._path):
            found = bytes(obstore.get_range(self._store, self._path, start=self._at, length=length))
        self._at += len(found)
        return found


def _given(version: Version) -> dict[str, str]:
    """Without what the store does not use: it refuses a null."""
    assert isinstance(version, dict)  # noqa: S101  # `swap` and `load` made it
    return {name: value for name, value in version.items() if value is not None}


def _plain_http() -> bool:
    endpoints = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AZURE_STORAGE_ENDPOINT")
    return any(os.environ.get(name, "").startswith("http://") for name in endpoints)


@contextmanager
def _unavailable(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, AlreadyExistsError, PreconditionError):
        raise
    except (BaseError, OSError) as error:
        raise OutputUnavailableError(f"{path}: {_first_line(error)}; the sink waits") from error


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
