"""What the sink asks of a place for files. `local` and `objects` provide it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from plaudit_consumers.sink.errors import OutputUnavailableError

FileVersion = dict[str, str | None] | str


class VersionConflict(Exception):  # noqa: N818  # an outcome, not a failure: the caller decides
    """A conditional write found another version than it expected."""


class OutputRoot(Protocol):
    """A root folder. Paths are relative to it, with slashes.

    Every call may block. What is written is there whole or not at all. Where a call names no other errors, it
    raises OutputUnavailableError if the output cannot be used just now: disk full, store away.
    """

    scratch: Path
    """A local folder of this process for files in the making."""

    def check_usable(self) -> None:
        """Find out whether the output serves.

        Raises:
            OutputError: it cannot be written, or it does not honour conditional writes.
        """

    def paths(self, folder: str) -> list[str]:
        """Every file under a folder, sorted."""

    def exists(self, path: str) -> bool:
        """Whether the file is there."""

    def looks_damaged(self, path: str) -> bool:
        """Whether the file is visibly no Parquet, as far as that can be told cheaply."""

    def publish(self, file: Path, path: str) -> bool:
        """Put a finished file of `scratch` in its place; False where one lies there already."""

    def open_file(self, path: str) -> Any:
        """A file for Arrow to read at random places."""

    def load(self, path: str) -> tuple[bytes, FileVersion] | None:
        """A small file with its version; None where there is none."""

    def swap(self, path: str, data: bytes, version: FileVersion | None) -> FileVersion:
        """Write a small file if its version is still the one given; gives the new version.

        Args:
            version: None if the file must not exist yet.

        Raises:
            VersionConflict: it has another version.
        """

    def replace(self, path: str, data: bytes) -> None:
        """Write a small file, whatever was there."""

    def close(self) -> None:
        """Remove `scratch`."""


@contextmanager
def unavailable(what: str) -> Iterator[None]:
    """Turn failures of the operating system into OutputUnavailableError."""
    try:
        yield
    except OSError as error:
        raise OutputUnavailableError(
            f"{what} cannot be written ({reason_of(error)}); the sink waits"
        ) from error


def reason_of(error: OSError) -> str:
    """The reason without the path."""
    return error.strerror or str(error)
