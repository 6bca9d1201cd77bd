"""The segments of a spool: where the next event is written, what is deleted, what is synced to disk."""

import errno
from collections import deque
from pathlib import Path
from typing import Final

from plaudit_producers.errors import SpoolError
from plaudit_producers.sdk.options import SpoolSync
from plaudit_producers.sdk.outbox import log
from plaudit_producers.spool.folder import SpoolFolder, sync_folder
from plaudit_producers.spool.segment import Segment

_SEGMENT_BYTES: Final = 16 << 20
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)


class Spool:
    """The segments of this producer and of those it took over, oldest first. Not safe for threads but `sync`.

    Attributes:
        bytes: size of all log files.
        segments: those of which something is needed.
    """

    def __init__(self, root: Path, max_bytes: int, sync: SpoolSync) -> None:
        """Make a sub-folder of `root`.

        Raises:
            SpoolError: it cannot be made.
        """
        self._root, self._max_bytes, self._sync = root, max_bytes, sync
        self._segment_bytes = min(_SEGMENT_BYTES, max_bytes // 8)
        self._own = SpoolFolder.create(root)
        self._adopted: list[SpoolFolder] = []
        self._number = 0
        self._unsynced: set[Segment | Path] = set(self._own.changed)
        self.bytes = 0
        self.segments: deque[Segment] = deque()

    def append_event(self, key: bytes, payload: bytes) -> tuple[Segment, int] | None:
        """Write an event to the newest segment, and tell segment and index.

        None where there is no room left; then nothing is kept.

        Raises:
            SpoolError: the disk fails; nothing is kept either.
        """
        if self.bytes + len(key) + len(payload) > self._max_bytes:
            self.seal_newest()
            return None
        try:
            segment = self._open_newest() or self._add_segment()
            before = segment.size
            index = segment.append_event(key, payload)
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
        """Events that are neither acknowledged nor given up."""
        return sum(segment.events - segment.settled for segment in self.segments)

    def seal_newest(self) -> None:
        """Have the next event begin a new segment, so that this one can be deleted when it is done."""
        if self.segments and self.segments[-1].events:
            self.segments[-1].sealed = True
            self.delete_if_done(self.segments[-1])

    def delete_if_done(self, segment: Segment) -> None:
        """Delete a segment of which nothing is needed any more."""
        if segment.is_done() and segment in self.segments:
            self.segments.remove(segment)
            self._unsynced.discard(segment)
            self.bytes -= segment.size
            segment.remove()

    def adopt_orphans(self) -> list[Segment]:
        """Lock the folders of processes that have ended, and open what they left, oldest first.

        It may read much. The segments are not among `segments` before `add_orphans`.
        """
        found: list[Segment] = []
        for path in sorted(self._root.iterdir()):
            folder = None if path == self._own.path else SpoolFolder.take_over(path)
            if folder is not None:
                self._adopted.append(folder)
                found += filter(None, map(_adopt, folder.segment_paths()))
        return found

    def add_orphans(self, segments: list[Segment]) -> None:
        """Put adopted segments before all others. Nobody knows whether they were synced."""
        self.segments.extendleft(reversed(segments))
        self._unsynced.update(segments)
        self.bytes += sum(segment.size for segment in segments)
        for segment in segments:
            self.delete_if_done(segment)

    def sync(self) -> None:
        """fsync what `interval` owes; called each second, without the outbox's lock."""
        if self._sync == "interval":
            self._sync_all()

    def close(self) -> None:
        """Sync and close all; segments with events that wait stay on disk."""
        for segment in list(self.segments):
            segment.sealed = True
            self.delete_if_done(segment)
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
        """In a forked child: close the files, which stay the parent's."""
        for segment in self.segments:
            segment.close()
        for folder in (*self._adopted, self._own):
            folder.abandon()

    def _open_newest(self) -> Segment | None:
        """The newest segment, if it takes another event; a full one is sealed."""
        newest = self.segments[-1] if self.segments else None
        if newest is None or newest.sealed:
            return None
        if newest.is_full(self._segment_bytes):
            self.seal_newest()
            return None
        return newest

    def _add_segment(self) -> Segment:
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
                each.sync() if isinstance(each, Segment) else sync_folder(each)
            except OSError as error:
                if error.errno != errno.EBADF:  # deleted meanwhile: all of it is in Kafka
                    self._unsynced.add(each)
                    raise


def _raise_unless_full(error: OSError) -> None:
    if error.errno not in _NO_SPACE:
        raise SpoolError(f"the spool cannot be written: {error}") from error


def _adopt(path: Path) -> Segment | None:
    try:
        segment = Segment(path, adopt=True)
    except OSError as error:
        log.error("%s cannot be read and stays where it is: %s", path, error)  # a traceback would not help
        return None
    log.warning(
        "taking over %d events from the spool file %s of a process that ended",
        segment.events - segment.settled, path,
    )  # fmt: skip
    if segment.torn:
        log.warning("the last %d bytes of %s are no whole event; they are kept as .torn", segment.torn, path)
    return segment
