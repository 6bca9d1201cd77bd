"""One segment of the spool: a log file of events, and a file of one byte for each event.

The log file has the 8 bytes `PLSPOOL1`, then frames: CRC-32 of all that follows, length of the key, length
of the payload (each 4 bytes, little-endian), key, payload. Byte *i* of the acks file is not 0 once event
*i* is settled, that is acknowledged or given up. The acks file is a shared mapping, so what is written
there outlives the process without a system call.
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
MAX_EVENTS: Final = 65_536

_FRAME: Final = Struct("<III")
_LENGTHS: Final = Struct("<II")
_CHUNK: Final = 1 << 18


class Frame(NamedTuple):
    """One event of a log file: its index, and as `end` the offset of the frame after it."""

    number: int
    key: bytes
    payload: bytes
    end: int


class Segment:
    """A segment and how far it has been read. Not safe for threads: the outbox locks.

    Attributes:
        size: bytes of the log file.
        events: frames in it.
        settled: how many of them are acknowledged or given up.
        pending: how many are with librdkafka now.
        sealed: nothing is appended any more.
        torn: bytes at its end that were no frame when it was taken over.
    """

    def __init__(self, path: Path, *, adopt: bool = False) -> None:
        """Make a new segment, or with `adopt` open one that an ended process left.

        Raises:
            OSError: the files cannot be made or read; a new segment leaves none behind.
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
        """Write one event and return its index; an OSError leaves the file as it was."""
        lengths = _LENGTHS.pack(len(key), len(payload))
        checksum = crc32(payload, crc32(key, crc32(lengths)))
        frame = b"".join((checksum.to_bytes(4, "little"), lengths, key, payload))
        _write(self._log, frame, self.size)
        self.size += len(frame)
        self.events += 1
        return self.events - 1

    def next_frame(self) -> Frame | None:
        """The next frame to hand over; None at the end. It stays the next one until `move_past`.

        Raises:
            OSError: the file was changed by somebody else.
        """
        if self._next_index >= self.events:
            return None
        frame = self._read_frame(self._next_offset, self._next_index)
        if frame is None:
            raise OSError(f"{self.path} cannot be read at {self._next_offset}: it changed under the producer")
        return frame

    def move_past(self, frame: Frame) -> None:
        """Go past a frame that `next_frame` gave."""
        self._next_index, self._next_offset = frame.number + 1, frame.end

    def move_to_end(self) -> None:
        """Go past every frame: what was appended last has been handed over directly."""
        self._next_index, self._next_offset = self.events, self.size

    def rewind(self) -> None:
        """Read from the beginning again; the caller skips what `is_settled`."""
        self._next_index, self._next_offset = 0, len(MAGIC)

    def is_settled(self, index: int) -> bool:
        """Whether an event is acknowledged or given up."""
        return self._acks[index] != 0

    def settle(self, index: int) -> None:
        """An event is acknowledged or given up. Idempotent."""
        if not self._acks[index]:
            self._acks[index] = 1
            self.settled += 1

    def is_done(self) -> bool:
        """Whether nothing of it is needed any more."""
        return self.sealed and self.settled == self.events and not self.pending

    def is_full(self, limit: int) -> bool:
        """Whether it has `limit` bytes, or as many events as its acks file has room for."""
        return self.size >= limit or self.events >= MAX_EVENTS

    def sync(self) -> None:
        """fsync the log file; raises OSError with EBADF where the segment was deleted meanwhile."""
        if self._log < 0:
            raise OSError(errno.EBADF, "closed")
        os.fsync(self._log)

    def close(self) -> None:
        """Close the files, once: later the descriptor's number may belong to another file.

        A forked child may call it too. It touches nothing that the parent uses.
        """
        descriptor, self._log = self._log, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._acks.close()

    def remove(self) -> None:
        """Close and delete. A file with a torn tail is kept beside its folder, for a person to look at."""
        self.close()
        if self.torn:
            folder = self.path.parent
            self.path.rename(folder.with_name(f"{folder.name}-{self.path.stem}.torn"))
        self._unlink()

    def _unlink(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".acks").unlink(missing_ok=True)

    def _recover(self) -> None:
        """Count the whole frames of a file that another process wrote; what follows them is torn."""
        on_disk = os.fstat(self._log).st_size
        end = 0
        if os.pread(self._log, len(MAGIC), 0) == MAGIC:
            end = len(MAGIC)
            for frame in self._read_frames():
                end = frame.end
                self.events += 1
                self.settled += self._acks[frame.number] != 0
        self.torn = on_disk - end
        self.size = on_disk

    def _read_frames(self) -> Iterator[Frame]:
        offset = len(MAGIC)
        for index in range(MAX_EVENTS):
            frame = self._read_frame(offset, index)
            if frame is None:
                return
            yield frame
            offset = frame.end

    def _read_frame(self, offset: int, index: int) -> Frame | None:
        """The frame at an offset; None where no whole frame with a right checksum is there."""
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
            # A torn length may claim gigabytes.
            wanted = max(_CHUNK, min(size, os.fstat(self._log).st_size))
            self._buffer, self._buffer_start = os.pread(self._log, wanted, offset), offset
            start = 0
        return self._buffer[start : start + size]


def _map_acks(path: Path) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # Blocks are allocated now: writing to a hole of a full disk would end the process by SIGBUS.
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
        os.ftruncate(descriptor, offset)
        raise
