"""The folders of a spool. Each producer locks one while it lives, and later another takes it over.

The folder `<spool_dir>/<ULID>/` holds `lock` (an flock), `00000001.log`, `00000001.acks` and so on. The lock
file names the topic that the events are for. In folders of older versions it is empty.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from plaudit_schemas.contract.ulid import new_ulid

from plaudit_producers.errors import SpoolError

try:
    import fcntl
except ImportError:  # pragma: no cover  # not on Windows
    fcntl = None  # type: ignore[assignment]

_UNFINISHED: Final = ".new-"
_OURS: Final = re.compile(rf"({re.escape(_UNFINISHED)})?[0-9A-Z]{{26}}")
_LEFTOVER_S: Final = 3600.0  # a process that lives needs milliseconds to create or to delete a folder
_LONGEST_TOPIC: Final = 250  # one byte more than Kafka allows


class SpoolFolder:
    """A producer's folder, locked by this process.

    Attributes:
        changed: the folders that got new entries when this one was created.
    """

    def __init__(self, path: Path, descriptor: int, changed: Iterable[Path] = ()) -> None:
        self.path = path
        self.changed = changed
        self._descriptor = descriptor

    @classmethod
    def create(cls, root: Path, topic: str) -> "SpoolFolder":
        """Create and lock a new folder for events of a topic.

        Raises:
            SpoolError: the folder cannot be created, or the system has no file locks.
        """
        if fcntl is None:
            raise SpoolError("a spool needs file locks, which this system does not have; leave spool_dir out")
        name = new_ulid()
        # It gets its final name only once it is locked, so that nobody takes it over before.
        unfinished = root / (_UNFINISHED + name)
        try:
            # Read before `mkdir`: a power cut could lose the new entries of these folders.
            changed = [each.parent for each in (unfinished, *unfinished.parents) if not each.exists()]
            unfinished.mkdir(mode=0o700, parents=True)
            descriptor = os.open(unfinished / "lock", os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(OSError):  # on a full disk it has no topic, as those of older versions
                os.write(descriptor, topic.encode())
            return cls(unfinished.rename(root / name), descriptor, changed)
        except OSError as error:
            raise SpoolError(f"the spool folder {root} cannot be used: {error}") from error

    @classmethod
    def take_over(cls, path: Path, topic: str) -> "SpoolFolder | None":
        """Lock the folder of a process that has ended.

        Returns None if the process is alive, if its events are for another topic, or if the path is no
        producer's folder.

        Raises:
            OSError: the system cannot tell, for example because too many files are open.
        """
        if path.name.startswith(_UNFINISHED):
            return None
        try:
            descriptor = os.open(path / "lock", os.O_RDWR)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Another process may have deleted the folder between the two calls.
            exists = os.path.samestat(os.fstat(descriptor), (path / "lock").stat())
            if exists and os.pread(descriptor, _LONGEST_TOPIC, 0) in (topic.encode(), b""):
                return cls(path, descriptor)
        except (BlockingIOError, FileNotFoundError):
            pass
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
        return None

    def segment_paths(self) -> list[Path]:
        """Return the log files, oldest first."""
        return sorted(self.path.glob("*.log"))

    def release(self) -> None:
        """Delete the folder if no event is left in it, then unlock it."""
        if not self.segment_paths():
            (self.path / "lock").unlink(missing_ok=True)
            for acks in self.path.glob("*.acks"):
                acks.unlink()
            self.path.rmdir()
        self.abandon()

    def abandon(self) -> None:
        """Unlock the folder. Idempotent."""
        # Closed once only: later the descriptor's number may belong to another file.
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def remove_leftover(path: Path) -> None:
    """Delete a folder without events that a killed process left while it created or deleted it.

    Does nothing for any other folder, for a young one, and where the system refuses.
    """
    with suppress(OSError):
        old = time.time() - path.stat().st_mtime > _LEFTOVER_S
        if not (old and _OURS.fullmatch(path.name) and path.is_dir()):
            return
        inside = list(path.iterdir())
        half_made = path.name.startswith(_UNFINISHED)
        # A folder with its final name and a lock is for `SpoolFolder.take_over`.
        half_deleted = all(each.suffix == ".acks" for each in inside)
        if half_deleted or (half_made and [each.name for each in inside] == ["lock"]):
            for each in inside:
                each.unlink()
            path.rmdir()


def sync_folder(path: Path) -> None:
    """fsync a folder, so that its entries survive a power cut. `Segment.sync` does it for the contents."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # the folder may be writable but not readable; then it cannot be synced
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
