"""The storage that the sink needs, as a protocol. `local` and `objects` implement it."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from plaudit_consumers.sink.errors import OutputUnavailableError

FileVersion = dict[str, str | None] | str
"""Identifies one content of a file. Only the output that returned it knows what is in it."""


class VersionConflict(Exception):  # noqa: N818  # an outcome, not a failure: the caller decides
    """A conditional write found another version than it expected."""


class OutputRoot(Protocol):
    """A root folder. Paths are relative to it, with slashes.

    Every call may block. A written file appears complete or not at all. Unless a call names other errors, it
    raises OutputUnavailableError if the output cannot be used at the moment: disk full, store unreachable.
    """

    scratch: Path
    """A local folder of this process for files being written."""

    def check_usable(self) -> None:
        """Check that the output can be written, and that its conditional writes work.

        Raises:
            OutputError: one of them fails.
        """

    def paths(self, folder: str, *, but: Collection[str] = ()) -> list[str]:
        """Every file under a folder, sorted, except those under the folders `but`."""

    def looks_damaged(self, path: str) -> bool:
        """Whether a cheap check shows that the file is not Parquet."""

    def publish(self, file: Path, path: str) -> bool:
        """Move a finished file of `scratch` to its path; False if a file is there already."""

    def open_file(self, path: str) -> Any:
        """A file that Arrow can open for random access."""

    def load(self, path: str) -> tuple[bytes, FileVersion] | None:
        """The content of a small file and its version; None if there is no file."""

    def swap(self, path: str, data: bytes, version: FileVersion | None) -> FileVersion:
        """Write a small file if it still has the given version. Returns the new version.

        Args:
            version: None if the file must not exist yet.

        Raises:
            VersionConflict: it has another version.
        """

    def replace(self, path: str, data: bytes) -> None:
        """Write a small file unconditionally."""

    def close(self) -> None:
        """Remove `scratch`."""


@contextmanager
def unavailable(what: str, done: str = "written") -> Iterator[None]:
    """Turn an OSError into an OutputUnavailableError that names `what`, which could not be `done`."""
    try:
        yield
    except OSError as error:
        raise OutputUnavailableError(
            f"{what} cannot be {done} ({reason_of(error)}); the sink waits"
        ) from error


def reason_of(error: OSError) -> str:
    """The reason of an error, without the path."""
    return error.strerror or str(error)
