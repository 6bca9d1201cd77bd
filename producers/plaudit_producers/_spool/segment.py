"""One segment of the spool: a log file of events, and a file of one byte for each that is settled.

Log file: the 8 bytes `PLSPOOL1`, then frames of little-endian (CRC-32 of all that follows, length
of the key, length of the payload), key, payload. Acks file: byte *i* is not 0 once event *i* is
acknowledged or given up; it is a shared mapping, so it outlives the process without a system call.
"""

import errno
import mmap
import os
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from zlib import crc32

MAGIC = b"PLSPOOL1"
MAX_EVENTS = 65_536

_FRAME = Struct("<III")
_LENGTHS = Struct("<II")
_CHUNK = 1 << 18

Frame = tuple[int, bytes, bytes, int]
"""Index, key, payload, and where the next frame begins."""


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

    def append(self, key: bytes, payload: bytes) -> int:
        """Write one event and return its index; OSError leaves the file as it was."""
        lengths = _LENGTHS.pack(len(key), len(payload))
        checksum = crc32(payload, crc32(key, crc32(lengths)))
        frame = b"".join((checksum.to_bytes(4, "little"), lengths, key, payload))
        _write(self._log, frame, self.size)
        self.size += len(frame)
        self.events += 1
        return self.events - 1

    def peek(self) -> Frame | None:
        """The next frame to hand over; None at the end."""
        if self._next_index >= self.events:
            return None
        frame = self._frame(self._next_offset, self._next_index)
        if frame is None:
            raise OSError(f"{self.path} cannot be read at {self._next_offset}: it changed under the producer")
        return frame

    def advance(self, frame: Frame) -> None:
        """Go past what `peek` gave."""
        self._next_index, self._next_offset = frame[0] + 1, frame[3]

    def skip_to_end(self) -> None:
        """Go past everything: what was appended last has been handed over directly."""
        self._next_index, self._next_offset = self.events, self.size

    def rewind(self) -> None:
        """Read from the beginning again; what is settled is skipped by `is_settled`."""
        self._next_index, self._next_offset = 0, len(MAGIC)

    def is_settled(self, index: int) -> bool:
        return self._acks[index] != 0

    def settle(self, index: int) -> None:
        if not self._acks[index]:
            self._acks[index] = 1
            self.settled += 1

    def done(self) -> bool:
        """Nothing of it is needed any more."""
        return self.sealed and self.settled == self.events and not self.pending

    def full(self, limit: int) -> bool:
        return self.size >= limit or self.events >= MAX_EVENTS

    def sync(self) -> None:
        """Raises OSError EBADF where it was deleted meanwhile."""
        if self._log < 0:
            raise OSError(errno.EBADF, "closed")
        os.fsync(self._log)

    def close(self) -> None:
        """Once: a second time the number may be somebody else's file."""
        descriptor, self._log = self._log, -1
        if descriptor >= 0:
            os.close(descriptor)
        self._acks.close()

    def remove(self) -> None:
        """Close and delete; one with a torn tail is kept beside its folder, for a person to look at."""
        self.close()
        if self.torn:
            folder = self.path.parent
            self.path.rename(folder.with_name(f"{folder.name}-{self.path.stem}.torn"))
        self._unlink()

    def abandon(self) -> None:
        """Close in a forked child, without a word to the parent's files."""
        self.close()

    def _unlink(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".acks").unlink(missing_ok=True)

    def _recover(self) -> None:
        on_disk = os.fstat(self._log).st_size
        end = 0
        if os.pread(self._log, len(MAGIC), 0) == MAGIC:
            end = len(MAGIC)
            for index, _, _, after in self._frames():
                end = after
                self.events += 1
                self.settled += self._acks[index] != 0
        self.torn = on_disk - end
        self.size = on_disk

    def _frames(self) -> Iterator[Frame]:
        offset = len(MAGIC)
        for index in range(MAX_EVENTS):
            frame = self._frame(offset, index)
            if frame is None:
                return
            yield frame
            offset = frame[3]

    def _frame(self, offset: int, index: int) -> Frame | None:
        head = self._read(offset, _FRAME.size)
        if len(head) < _FRAME.size:
            return None
        checksum, key_size, payload_size = _FRAME.unpack(head)
        size = key_size + payload_size
        body = self._read(offset + _FRAME.size, size)
        if len(body) < size or crc32(body, crc32(head[4:])) != checksum:
            return None
        return index, body[:key_size], body[key_size:], offset + _FRAME.size + size

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
        # A hole in the file would end the process by SIGBUS where the disk is full.
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
