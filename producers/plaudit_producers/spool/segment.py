"""One segment of the spool: a log file of events, and an acks file of one byte for each event.

The log file begins with the 8 bytes `PLSPOOL1`. Frames follow: CRC-32 of the rest of the frame, length of the
key, length of the payload (each 4 bytes, little-endian), key, payload. Byte *i* of the acks file is not 0
once event *i* is settled, which means acknowledged or given up. The acks file is a shared mapping, so what is
written there outlives the process without a system call.
"""

import errno
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple
from zlib import crc32

MAGIC: Final = b"PLSPOOL1"
MAX_EVENTS: Final = 65_536  # also the size of an acks file, in bytes

_FRAME: Final = Struct("<III")
_LENGTHS: Final = Struct("<II")
_CHUNK: Final = 1 << 18  # bytes to read ahead


class Frame(NamedTuple):
    """One event of a log file. `number` is its index, `end` the offset of the next frame."""

    number: int
    key: bytes
    payload: bytes
    end: int


class Segment:
    """A segment, and how far it has been read. Not thread-safe: the outbox holds a lock.

    Attributes:
        size: size of the log file, in bytes.
        events: number of frames in it.
        settled: how many of the events are acknowledged or given up.
        pending: how many of the events librdkafka holds now.
        sealed: whether appending has ended.
        torn: bytes at the end that were no whole frame when the segment was taken over.
    """

    def __init__(self, path: Path, *, adopt: bool = False) -> None:
        """Create a new segment, or with `adopt` open one that an ended process left.

        Raises:
            OSError: the files cannot be created or read. A new segment leaves no file behind then.
        """
        self.path = path
        self.size = self.events = self.settled = self.pending = self.torn = 0
        self.sealed = adopt
        self._next_index, self._next_offset = 0, len(MAGIC)
        self._buffer, self._buffer_start = b"", 0
        flags = os.O_RDWR if adopt else os.O_RDWR | os.O_CREAT | os.O_EXCL
        self._log = os.open(path, flags, 0o600)
        try:
            self._acks = _map_acks(path.with_suffix(".acks"))
            if adopt:
                self._recover()
            else:
                _write(self._log, MAGIC, 0)
                self.size = len(MAGIC)
        except BaseException:
            os.close(self._log)
            if not adopt:
                self._unlink()
            raise

    def append_event(self, key: bytes, payload: bytes) -> int:
        """Write one event and return its index.

        Raises:
            OSError: the disk is full or failed. The file is as it was before.
        """
        # The checksum covers the lengths too. Otherwise a run of zeros, as a power cut may leave it, would be
        # a valid empty frame.
        lengths = _LENGTHS.pack(len(key), len(payload))
        checksum = crc32(payload, crc32(key, crc32(lengths)))
        frame = b"".join((checksum.to_bytes(4, "little"), lengths, key, payload))
        _write(self._log, frame, self.size)
        self.size += len(frame)
        self.events += 1
        return self.events - 1

    def next_frame(self) -> Frame | None:
        """Return the next frame to hand over, or None at the end. `move_past` moves on to the one after it.

        Raises:
            OSError: another program changed the file.
        """
        if self._next_index >= self.events:
            return None
        frame = self._read_frame(self._next_offset, self._next_index)
        if frame is None:
            raise OSError(f"{self.path} cannot be read at {self._next_offset}: another program changed it")
        return frame

    def move_past(self, frame: Frame) -> None:
        """Move past a frame that `next_frame` returned."""
        self._next_index, self._next_offset = frame.number + 1, frame.end

    def move_to_end(self) -> None:
        """Move past every frame, after the newest event was handed over directly."""
        self._next_index, self._next_offset = self.events, self.size

    def rewind(self) -> None:
        """Start reading from the beginning again. The caller must skip settled events; see `is_settled`."""
        self._next_index, self._next_offset = 0, len(MAGIC)

    def is_settled(self, index: int) -> bool:
        """Return whether an event is acknowledged or given up."""
        return self._acks[index] != 0

    def settle(self, index: int) -> None:
        """Mark an event as acknowledged or given up. Idempotent."""
        if not self._acks[index]:
            self._acks[index] = 1
            self.settled += 1

    def is_done(self) -> bool:
        """Return whether the segment is no longer needed."""
        return self.sealed and self.settled == self.events and not self.pending

    def is_full(self, limit: int) -> bool:
        """Return whether it has `limit` bytes, or as many events as the acks file has room for."""
        return self.size >= limit or self.events >= MAX_EVENTS

    def sync(self) -> None:
        """fsync the log file.

        Raises:
            OSError: the disk failed; with EBADF, the segment was deleted in the meantime.
        """
        if self._log < 0:
            raise OSError(errno.EBADF, "closed")
        os.fsync(self._log)

    def close(self) -> None:
        """Close the files. Idempotent. A forked child may call it: that does not affect the parent."""
        # Closed once only: later the descriptor's number may belong to another file.
        descriptor, self._log = self._log, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._acks.close()

    def remove(self) -> None:
        """Close and delete the segment. A log file with a torn tail is kept as `.torn` beside its folder."""
        self.close()
        if self.torn:
            folder = self.path.parent
            # Beside the folder, because the folder itself is deleted once it is empty.
            self.path.rename(folder.with_name(f"{folder.name}-{self.path.stem}.torn"))
        self._unlink()

    def _unlink(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".acks").unlink(missing_ok=True)

    def _recover(self) -> None:
        """Count the whole frames of a file that another process wrote. The bytes after them are torn."""
        on_disk = os.fstat(self._log).st_size
        end = 0
        if os.pread(self._log, len(MAGIC), 0) == MAGIC:
            end = len(MAGIC)
            for frame in self._read_frames():
                end = frame.end
                self.events += 1
                self.settled += self._acks[frame.number] != 0
        self.torn = on_disk - end
        self.size = on_disk  # the torn bytes take space too

    def _read_frames(self) -> Iterator[Frame]:
        offset = len(MAGIC)
        for index in range(MAX_EVENTS):
            frame = self._read_frame(offset, index)
            if frame is None:
                return
            yield frame
            offset = frame.end

    def _read_frame(self, offset: int, index: int) -> Frame | None:
        """Return the frame at an offset, or None if there is no whole frame with a correct checksum."""
        head = self._read(offset, _FRAME.size)
        if len(head) < _FRAME.size:
            return None
        checksum, key_size, payload_size = _FRAME.unpack(head)
        size = key_size + payload_size
        body = self._read(offset + _FRAME.size, size)
        if len(body) < size or crc32(body, crc32(head[4:])) != checksum:
            return None
        return Frame(index, body[:key_size], body[key_size:], offset + _FRAME.size + size)

    def _read(self, offset: int, size: int) -> bytes:
        start = offset - self._buffer_start
        if start < 0 or start + size > len(self._buffer):
            # Bounded by the file: a torn length may claim gigabytes.
            wanted = max(_CHUNK, min(size, os.fstat(self._log).st_size))
            self._buffer, self._buffer_start = os.pread(self._log, wanted, offset), offset
            start = 0
        return self._buffer[start : start + size]


def _map_acks(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Allocated now: writing to a hole in the file while the disk is full would kill the process (SIGBUS).
        os.posix_fallocate(descriptor, 0, MAX_EVENTS)
        return mmap.mmap(descriptor, MAX_EVENTS)
    finally:
        os.close(descriptor)


def _write(descriptor: int, data: bytes, offset: int) -> None:
    try:
        written = os.pwrite(descriptor, data, offset)
        while written < len(data):
            written += os.pwrite(descriptor, data[written:], offset + written)
    except OSError:
        # A partial frame must not stay: it would be taken for a torn tail.
        os.ftruncate(descriptor, offset)
        raise
