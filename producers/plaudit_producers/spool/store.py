"""All segments of a spool: appends events, deletes settled segments, and syncs to disk."""

import errno
from collections import deque
from pathlib import Path
from typing import Final

from plaudit_producers.errors import SpoolError
from plaudit_producers.sdk.options import SpoolSync
from plaudit_producers.sdk.outbox import log
from plaudit_producers.spool.folder import SpoolFolder, remove_leftover, sync_folder
from plaudit_producers.spool.segment import Segment

_SEGMENT_BYTES: Final = 16 << 20
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)  # the disk, or the user's quota, is full


class Spool:
    """The segments of this producer and of those it took over, oldest first.

    Not thread-safe, except for `sync`.

    Attributes:
        bytes: size of all log files.
        segments: those that are still needed.
    """

    def __init__(self, root: Path, topic: str, max_bytes: int, sync: SpoolSync) -> None:
        """Create this producer's folder in `root`. Only folders for the same topic are taken over.

        Raises:
            SpoolError: the folder cannot be created.
        """
        self._root, self._topic, self._max_bytes, self._sync = root, topic, max_bytes, sync
        # Only whole segments are deleted, so even a small spool needs several to regain space.
        self._segment_bytes = min(_SEGMENT_BYTES, max_bytes // 8)
        self._own = SpoolFolder.create(root, topic)
        self._adopted: list[SpoolFolder] = []
        self._unread: list[Path] = []
        self._all_adopted = True
        self._reported: set[Path] = set()
        self._number = 0
        self._unsynced: set[Segment | Path] = set(self._own.changed)
        self.bytes = 0
        self.segments: deque[Segment] = deque()

    def append_event(self, key: bytes, payload: bytes) -> tuple[Segment, int] | None:
        """Write an event to the newest segment. Returns the segment and the event's index in it.

        Returns None if there is no room. The event is not kept then.

        Raises:
            SpoolError: the disk failed. The event is not kept.
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
                segment.settle(index)  # the caller learns that it failed, so it must not be sent later
                _raise_unless_full(error)
                return None
        return segment, index

    def waiting(self) -> int:
        """Return the number of events that are neither acknowledged nor given up."""
        return sum(segment.events - segment.settled for segment in self.segments)

    def seal_newest(self) -> None:
        """Seal the newest segment, so that it can be deleted once done. The next event starts another."""
        if self.segments and self.segments[-1].events:
            self.segments[-1].sealed = True
            self.delete_if_done(self.segments[-1])

    def delete_if_done(self, segment: Segment) -> None:
        """Delete a segment if it is no longer needed."""
        if segment.is_done() and segment in self.segments:
            self.segments.remove(segment)
            self._unsynced.discard(segment)
            self.bytes -= segment.size
            segment.remove()

    def adopt_orphans(self) -> list[Segment]:
        """Lock the folders of processes that have ended, and open their segments, oldest first.

        This may read a lot from disk. `add_orphans` then adds the result to `segments`. What cannot be read
        is logged and left for the next call; see `has_unread_orphans`.

        Raises:
            OSError: the spool's own folder cannot be listed.
        """
        self._all_adopted = True
        # The folders' names are ULIDs, which sort by time.
        for path in sorted(self._root.iterdir()):
            if path != self._own.path:
                self._adopt_folder(path)
        opened = [(path, self._open_orphan(path)) for path in self._unread]
        self._unread = [path for path, segment in opened if segment is None and path.exists()]
        return [segment for _, segment in opened if segment is not None]

    def has_unread_orphans(self) -> bool:
        """Return whether the last `adopt_orphans` could not read everything that it found."""
        return bool(self._unread) or not self._all_adopted

    def add_orphans(self, segments: list[Segment]) -> None:
        """Put adopted segments before all others, so that they are sent first."""
        self.segments.extendleft(reversed(segments))
        self._unsynced.update(segments)  # the ended process may not have synced them
        self.bytes += sum(segment.size for segment in segments)
        for segment in segments:
            self.delete_if_done(segment)

    def sync(self) -> None:
        """With `interval`, fsync everything unsynced. Called once a second, without the outbox's lock."""
        if self._sync == "interval":
            self._sync_all()

    def close(self) -> None:
        """Sync and close all files. Segments with waiting events stay on disk."""
        # Deleted first: what is done needs no fsync.
        for segment in list(self.segments):
            segment.sealed = True
            self.delete_if_done(segment)
        try:
            self.sync()
        except OSError:
            log.exception("the spool could not be synced; the events in it may not survive a power cut")
        for segment in self.segments:
            segment.close()
        self.segments.clear()
        for folder in (*self._adopted, self._own):
            folder.release()

    def abandon(self) -> None:
        """In a forked child: close this process's copies of the parent's files."""
        for segment in self.segments:
            segment.close()
        for folder in (*self._adopted, self._own):
            folder.abandon()

    def _adopt_folder(self, path: Path) -> None:
        """Lock a folder, if its process has ended, and note its segments."""
        folder = None
        try:
            folder = SpoolFolder.take_over(path, self._topic)
            if folder is None:
                remove_leftover(path)
            else:
                self._unread += folder.segment_paths()
                self._adopted.append(folder)
        except OSError as error:
            if folder is not None:
                folder.abandon()  # the next call takes it over again
            self._all_adopted = False
            self._report_unread(path, error)

    def _open_orphan(self, path: Path) -> Segment | None:
        try:
            segment = Segment(path, adopt=True)
        except Exception as error:  # no file may keep the others from being sent
            self._report_unread(path, error)
            return None
        log.warning(
            "taking over %d events from the spool file %s of a process that ended",
            segment.events - segment.settled, path,
        )  # fmt: skip
        if segment.torn:
            log.warning("the last %d bytes of %s are no whole event; it is kept as .torn", segment.torn, path)
        return segment

    def _report_unread(self, path: Path, error: Exception) -> None:
        """Log a path once. It is tried again and again, and a traceback would not help."""
        if path not in self._reported:
            self._reported.add(path)
            log.error("%s cannot be read now; its events wait until it can be: %s", path, error)

    def _open_newest(self) -> Segment | None:
        """Return the newest segment if it takes another event. A full one is sealed."""
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
            # Before the fsync: what is written during it must be synced again.
            self._unsynced.discard(each)
            try:
                each.sync() if isinstance(each, Segment) else sync_folder(each)
            except OSError as error:
                if error.errno != errno.EBADF:  # EBADF: the segment was deleted meanwhile
                    self._unsynced.add(each)
                    raise


def _raise_unless_full(error: OSError) -> None:
    if error.errno not in _NO_SPACE:
        raise SpoolError(f"the spool cannot be written: {error}") from error
