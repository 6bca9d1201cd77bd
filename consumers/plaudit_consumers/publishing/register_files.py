"""The files of the register, in the root of the sink: a folder or an object store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from obstore.exceptions import BaseError
from plaudit_schemas.settings.location import StoreLocation, parse_location

from plaudit_consumers.datasets.errors import first_line
from plaudit_consumers.datasets.sources import LiveRoot
from plaudit_consumers.publishing.entries import FOLDER, RegisterEntry, parse_entry, parse_entry_path
from plaudit_consumers.publishing.errors import RegisterError
from plaudit_consumers.sink.outputs.local import LocalOutput
from plaudit_consumers.sink.outputs.objects import ObjectOutput, open_store

_NEW: Final = "entry.json"


def open_root(location: Path | StoreLocation) -> LocalOutput | ObjectOutput:
    """The root, to write to.

    Raises:
        OutputError: it cannot be written to.
    """
    return LocalOutput(location) if isinstance(location, Path) else ObjectOutput(location.url)


class RegisterFiles:
    """Reads entries, and adds new ones. Reading needs no right to write."""

    def __init__(self, root: str) -> None:
        """Reads no entry yet.

        Raises:
            SourceFileError: no sink writes to the root.
            OutputError: the URL cannot be used.
        """
        LiveRoot(root)
        self._root = root
        self._location = parse_location(root)
        self._store: Any = None if isinstance(self._location, Path) else open_store(root)

    def entries(self) -> list[RegisterEntry]:
        """Every entry, by name and number.

        Raises:
            RegisterError: the register cannot be read.
        """
        with self._readable():
            found = list(self._local() if isinstance(self._location, Path) else self._remote())
        return [parse_entry(path, content) for path, content in sorted(found)]

    def add(self, entry: RegisterEntry) -> bool:
        """Add an entry; False if its number is taken.

        Raises:
            OutputError: the root cannot be written to.
            RegisterError: the disk of this machine cannot be written to.
        """
        output = open_root(self._location)
        try:
            written = output.scratch / _NEW
            written.write_text(entry.text(), encoding="utf-8")
            return output.publish(written, entry.path)
        except OSError as error:
            raise RegisterError(f"{output.scratch} cannot be written to ({error.strerror})") from None
        finally:
            output.close()

    def _local(self) -> Iterator[tuple[str, bytes]]:
        assert isinstance(self._location, Path)  # noqa: S101  # the caller looked
        for path in (self._location / FOLDER).glob("*/*.json"):
            name = path.relative_to(self._location).as_posix()
            if parse_entry_path(name):
                yield name, path.read_bytes()

    def _remote(self) -> Iterator[tuple[str, bytes]]:
        for batch in self._store.list(prefix=FOLDER):
            for each in batch:
                if parse_entry_path(each["path"]):
                    yield each["path"], bytes(self._store.get(each["path"]).bytes())

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, BaseError) as error:
            raise RegisterError(
                f"the register of names in {self._root} cannot be read: {first_line(error)}"
            ) from None
