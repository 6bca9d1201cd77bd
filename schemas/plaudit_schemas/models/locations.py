"""Where the folder of a model lies: on this machine, or in an object store."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from plaudit_schemas.errors import ModelCheckError, ModelError
from plaudit_schemas.models.manifest import MANIFEST_NAME
from plaudit_schemas.object_store import first_line, store_at
from plaudit_schemas.settings.location import StoreLocation, parse_location

_MOST_MANIFEST_BYTES: Final = 1 << 20
_PIECE_BYTES: Final = 8 << 20


def location_of(text: str) -> Path | StoreLocation:
    """Read a location: a path, or a URL with file://, s3://, gs:// or az://.

    Raises:
        ModelError: it names no place.
    """
    try:
        return parse_location(text)
    except ValueError as error:
        raise ModelError(f"the location of a model {error}") from None


class ModelPlace:
    """One folder of a model, wherever it lies."""

    def __init__(self, text: str) -> None:
        """Connects to nothing yet.

        Args:
            text: a path, or a URL with file://, s3://, gs:// or az://.

        Raises:
            ModelError: it names no place, or one that cannot be used.
        """
        self._location = location_of(text)
        self._store: Any = None
        if isinstance(self._location, StoreLocation):
            try:
                self._store = store_at(self._location)
            except ValueError as error:
                raise ModelError(f"{self} cannot be used: {error}") from None

    def __str__(self) -> str:
        """The location in the one way that it is published in."""
        return str(self._location) if isinstance(self._location, Path) else self._location.url

    @property
    def folder(self) -> Path | None:
        """The folder, if it is on this machine."""
        return self._location if isinstance(self._location, Path) else None

    def manifest_bytes(self) -> bytes:
        """The content of `plaudit-model.yaml`.

        Raises:
            ModelError: it is not there, or cannot be read.
        """
        data = self.find_manifest()
        if data is None:
            raise ModelError(f"{self} has no {MANIFEST_NAME}: no model is there, or not any more")
        return data

    def find_manifest(self) -> bytes | None:
        """As `manifest_bytes`, but None if it is not there."""
        with suppress(FileNotFoundError, NotADirectoryError), self._readable(MANIFEST_NAME):
            data = self._first_bytes(MANIFEST_NAME, _MOST_MANIFEST_BYTES + 1)
            if len(data) > _MOST_MANIFEST_BYTES:
                raise ModelCheckError(f"{MANIFEST_NAME} of {self} is too large to be a manifest")
            return data
        return None

    def download(self, name: str, target: Path, sha256: str) -> None:
        """Copy a file of an object store to this machine.

        Raises:
            ModelError: it is not there, or cannot be read or written.
            ModelCheckError: it has another content than the manifest lists.
        """
        found = hashlib.sha256()
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self._readable(name), target.open("wb") as file:
                for piece in obstore.get(self._store, name).stream(min_chunk_size=_PIECE_BYTES):
                    found.update(piece)
                    file.write(piece)
        except FileNotFoundError:
            raise ModelError(f"{self} lacks {name}, which its manifest lists") from None
        if found.hexdigest() != sha256:
            raise ModelCheckError(f"{name} of {self} is not the file that the manifest lists")

    def upload(self, name: str, source: Path) -> None:
        """Copy a file into an object store. It replaces one that is there.

        Raises:
            ModelError: it cannot be read or written.
        """
        try:
            obstore.put(self._store, name, source)
        except (OSError, BaseError) as error:
            raise ModelError(f"{name} cannot be written to {self}: {first_line(error)}") from None

    def upload_manifest(self, data: bytes) -> None:
        """Write `plaudit-model.yaml` into an object store, unless it is there.

        Raises:
            ModelError: it cannot be written, or there is one already.
        """
        try:
            obstore.put(self._store, MANIFEST_NAME, data, mode="create", use_multipart=False)
        except AlreadyExistsError:
            raise ModelError(f"somebody else has just copied a model to {self}; try again") from None
        except (OSError, BaseError) as error:
            raise ModelError(f"{MANIFEST_NAME} cannot be written to {self}: {first_line(error)}") from None

    def _first_bytes(self, name: str, count: int) -> bytes:
        if self.folder is not None:
            with (self.folder / name).open("rb") as file:
                return file.read(count)
        return bytes(obstore.get(self._store, name, options={"range": (0, count)}).bytes())

    @contextmanager
    def _readable(self, name: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            raise
        except (OSError, BaseError) as error:
            raise ModelError(f"{name} of {self} cannot be read: {first_line(error)}") from None
