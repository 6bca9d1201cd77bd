"""The spool's folder: one sub-folder for each producer, locked while that lives, taken over after.

`<spool_dir>/<ULID>/` holds `lock` (an flock), `00000001.log`, `00000001.acks` and so on.
"""

import errno
import os
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from plaudit_producers._ids import new_id
from plaudit_producers._options import SpoolSync
from plaudit_producers._outbox import log
from plaudit_producers._spool.segment import Segment
from plaudit_producers.errors import SpoolError

try:
    import fcntl
except ImportError:  # pragma: no cover  # not on Windows
    fcntl = None  # type: ignore[assignment]

_SEGMENT_BYTES = 16 << 20
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_UNFINISHED = ".new-"


class Folder:
    """A producer's sub-folder, locked by this process.

    Attributes:
        changed: the folders whose entries changed when it was made.
    """

    def __init__(self, path: Path, descriptor: int, changed: Iterable[Path] = ()) -> None:
        self.path = path
        self.changed = changed
        self._descriptor = descriptor

    @classmethod
    def create(cls, root: Path) -> "Folder":
        """Make one; it gets its name only when it is locked, so that nobody takes it over before."""
        name = new_id()
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
    def take_over(cls, path: Path) -> "Folder | None":
        """Lock the folder of a process that has ended; None where that lives."""
        try:
            descriptor = os.open(path / "lock", os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), (path / "lock").stat()):
                return cls(path, descriptor)
        except OSError:
            pass
        os.close(descriptor)
        return None

    def segments(self) -> Iterator[Path]:
        return iter(sorted(self.path.glob("*.log")))

    def release(self) -> None:
        """Give it up; delete it where no event is left."""
        if not any(self.segments()):
            (self.path / "lock").unlink(missing_ok=True)
            for acks in self.path.glob("*.acks"):
                acks.unlink()
            self.path.rmdir()
        self.abandon()

    def abandon(self) -> None:
        """Let the lock go, once: a second time the number may be somebody else's file."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Spool:
    """The segments of this producer and of those it took over, oldest first. The outbox locks."""

    def __init__(self, root: Path, max_bytes: int, sync: SpoolSync) -> None:
        if fcntl is None:
            raise SpoolError("a spool needs file locks, which this system lacks; leave spool_dir out")
        self._root, self._max_bytes, self._sync = root, max_bytes, sync
        self._segment_bytes = min(_SEGMENT_BYTES, max_bytes // 8)
        self._own = Folder.create(root)
        self._adopted: list[Folder] = []
        self._number = 0
        self._unsynced: set[Segment | Path] = set(self._own.changed)
        self.bytes = 0
        self.segments: deque[Segment] = deque()

    def append(self, key: bytes, payload: bytes) -> tuple[Segment, int] | None:
        """Write an event to the newest segment; None where there is no room left, and nothing is kept.

        Raises:
            SpoolError: the disk fails; nothing is kept either.
        """
        if self.bytes + len(key) + len(payload) > self._max_bytes:
            self.seal()
            return None
        try:
            segment = self._newest() or self._add()
            before = segment.size
            index = segment.append(key, payload)
        except OSError as error:
            _raise_unless_full(error)
            return None
        self.bytes += segment.size - before
        self._unsynced.add(segment)
        if self._sync == "always":
            try:
                self._sync_all()
            except OSError as error:
                segment.settle(index)
                _raise_unless_full(error)
                return None
        return segment, index

    def waiting(self) -> int:
        return sum(segment.events - segment.settled for segment in self.segments)

    def seal(self) -> None:
        """Begin a new segment with the next event, so that this one can be deleted when it is done."""
        if self.segments and self.segments[-1].events:
            self.segments[-1].sealed = True
            self.forget(self.segments[-1])

    def forget(self, segment: Segment) -> None:
        """Delete a segment if it is done."""
        if segment.done() and segment in self.segments:
            self.segments.remove(segment)
            self._unsynced.discard(segment)
            self.bytes -= segment.size
            segment.remove()

    def add_orphans(self, segments: list[Segment]) -> None:
        """Put what `orphans` found before all else; whether they were synced nobody knows."""
        self.segments.extendleft(reversed(segments))
        self._unsynced.update(segments)
        self.bytes += sum(segment.size for segment in segments)
        for segment in segments:
            self.forget(segment)

    def orphans(self) -> list[Segment]:
        """Lock the folders of processes that have ended, and open what they left, oldest first."""
        found: list[Segment] = []
        for path in sorted(self._root.iterdir()):
            if path == self._own.path or path.name.startswith(_UNFINISHED) or not path.is_dir():
                continue
            folder = Folder.take_over(path)
            if folder is not None:
                self._adopted.append(folder)
                found += filter(None, map(_adopt, folder.segments()))
        return found

    def sync(self) -> None:
        """fsync what `interval` owes; called each second, not under the outbox's lock."""
        if self._sync == "interval":
            self._sync_all()

    def close(self) -> None:
        for segment in list(self.segments):
            segment.sealed = True
            self.forget(segment)
        try:
            self.sync()
        except OSError:
            log.exception("what stays in the spool may not survive a power cut")
        for segment in self.segments:
            segment.close()
        self.segments.clear()
        for folder in (*self._adopted, self._own):
            folder.release()

    def abandon(self) -> None:
        for segment in self.segments:
            segment.abandon()
        for folder in (*self._adopted, self._own):
            folder.abandon()

    def _newest(self) -> Segment | None:
        newest = self.segments[-1] if self.segments else None
        if newest is None or newest.sealed:
            return None
        if newest.full(self._segment_bytes):
            self.seal()
            return None
        return newest

    def _add(self) -> Segment:
        self._number += 1
        segment = Segment(self._own.path / f"{self._number:08}.log")
        self.bytes += segment.size
        self.segments.append(segment)
        self._unsynced.add(self._own.path)
        return segment

    def _sync_all(self) -> None:
        for each in list(self._unsynced):
            # Before its fsync: what is written meanwhile is owed anew.
            self._unsynced.discard(each)
            try:
                each.sync() if isinstance(each, Segment) else _sync_folder(each)
            except OSError as error:
                if error.errno != errno.EBADF:  # deleted meanwhile: all of it is in Kafka
                    self._unsynced.add(each)
                    raise


def _raise_unless_full(error: OSError) -> None:
    if error.errno not in _NO_SPACE:
        raise SpoolError(f"the spool cannot be written: {error}") from error


def _sync_folder(path: Path) -> None:
    """Makes the names in a folder survive a power cut, as `Segment.sync` does for what they name."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # one that may be written but not read
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _adopt(path: Path) -> Segment | None:
    try:
        segment = Segment(path, adopt=True)
    except OSError as error:
        log.error("%s cannot be read and stays where it is: %s", path, error)  # no bug of ours
        return None
    log.warning(
        "taking over %d events from the spool file %s of a process that ended",
        segment.events - segment.settled, path,
    )  # fmt: skip
    if segment.torn:
        log.warning("the last %d bytes of %s are no whole event; they are kept as .torn", segment.torn, path)
    return segment
