"""The spool's folder: one sub-folder for each producer, locked while the producer lives, taken over after.

`<spool_dir>/<ULID>/` holds `lock` (an flock), `00000001.log`, `00000001.acks` and so on.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.errors import SpoolError

try:
    import fcntl
except ImportError:  # pragma: no cover  # not on Windows
    fcntl = None  # type: ignore[assignment]

_UNFINISHED: Final = ".new-"


class SpoolFolder:
    """A producer's sub-folder, locked by this process.

    Attributes:
        changed: the folders whose entries changed when it was made.
    """

    def __init__(self, path: Path, descriptor: int, changed: Iterable[Path] = ()) -> None:
        self.path = path
        self.changed = changed
        self._descriptor = descriptor

    @classmethod
    def create(cls, root: Path) -> "SpoolFolder":
        """Make one. It gets its name once it is locked, so that nobody takes it over before.

        Raises:
            SpoolError: the folder cannot be made, or the system has no file locks.
        """
        if fcntl is None:
            raise SpoolError("a spool needs file locks, which this system lacks; leave spool_dir out")
        name = new_ulid()
        unfinished = root / (_UNFINISHED + name)
        try:
            changed = [each.parent for each in (unfinished, *unfinished.parents) if not each.exists()]
            unfinished.mkdir(mode=0o700, parents=True)
            descriptor = os.open(unfinished / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return cls(unfinished.rename(root / name), descriptor, changed)
        except OSError as error:
            raise SpoolError(f"the spool folder {root} cannot be used: {error}") from error

    @classmethod
    def take_over(cls, path: Path) -> "SpoolFolder | None":
        """Lock the folder of a process that has ended; None where it lives, or where there is no folder."""
        if path.name.startswith(_UNFINISHED):
            return None
        try:
            descriptor = os.open(path / "lock", os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Somebody else may have deleted the folder between the two calls.
            if os.path.samestat(os.fstat(descriptor), (path / "lock").stat()):
                return cls(path, descriptor)
        except OSError:
            pass
        os.close(descriptor)
        return None

    def segment_paths(self) -> list[Path]:
        """The log files, oldest first."""
        return sorted(self.path.glob("*.log"))

    def release(self) -> None:
        """Unlock it; delete it where no event is left."""
        if not self.segment_paths():
            (self.path / "lock").unlink(missing_ok=True)
            for acks in self.path.glob("*.acks"):
                acks.unlink()
            self.path.rmdir()
        self.abandon()

    def abandon(self) -> None:
        """Unlock it, once: later the descriptor's number may belong to another file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut, as `Segment.sync` does for the files' contents."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # a folder that may be written but not read
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
