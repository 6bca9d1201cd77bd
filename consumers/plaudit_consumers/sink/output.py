"""What the sink asks of a place for files; `local` and `objects` provide it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from plaudit_consumers.sink.errors import OutputUnavailableError

Version = dict[str, str | None] | str


class Conflict(Exception):  # noqa: N818  # an outcome, not a failure: the caller decides
    """A conditional write found something else than it expected."""


class Output(Protocol):
    """A root folder. Paths are relative to it, with slashes.

    Every call may block. What cannot be done just now (disk full, store away) raises
    OutputUnavailableError; what is written is there whole or not at all.
    """

    scratch: Path
    """A local folder of this process for files in the making."""

    def check(self) -> None:
        """Find out whether the output serves.

        Raises:
            OutputError: no permission, or conditional writes are not honoured.
        """

    def paths(self, folder: str) -> list[str]:
        """Every file under a folder, sorted."""

    def exists(self, path: str) -> bool:
        """Whether the file is there."""

    def damaged(self, path: str) -> bool:
        """Whether the file is visibly no Parquet, as far as that can be told cheaply."""

    def publish(self, file: Path, path: str) -> bool:
        """Put a finished file of `scratch` in its place; False where one lies there already."""

    def open(self, path: str) -> Any:
        """A file to read at random places, for Arrow."""

    def load(self, path: str) -> tuple[bytes, Version] | None:
        """A small file with its version; None where there is none."""

    def swap(self, path: str, data: bytes, version: Version | None) -> Version:
        """Write a small file whose version is still `version`; None: which does not exist.

        Raises:
            Conflict: it is not.
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
        reason = error.strerror or str(error)
        raise OutputUnavailableError(f"{what} cannot be written ({reason}); the sink waits") from error
