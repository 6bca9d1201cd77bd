"""Reads gzip up to where it is damaged, and says where that is."""

import io
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

_CHUNK: Final = 1 << 16
_GZIP: Final = 16 + zlib.MAX_WBITS  # how zlib is told of gzip's header and checksum
_MAGIC: Final = b"\x1f\x8b"


class GzipReader(io.RawIOBase):
    """The unpacked bytes of a gzip file of one or more members, for an `io.BufferedReader`.

    Where the file is cut or damaged it ends, without an exception. All bytes before that are given. Zeros
    after a member are padding, as for gzip itself.

    Attributes:
        damage: what is wrong with the file, and after which of its bytes; empty while nothing is.
    """

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__()
        self._packed = packed
        self._pieces = self._unpack()
        self._ready = b""
        self._taken = 0  # bytes of the file that were unpacked
        self.damage = ""

    def readable(self) -> bool:
        """Readable, as `io.BufferedReader` asks."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer with unpacked bytes. Returns how many; 0 at the end of the file."""
        while not self._ready:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._ready = piece
        count = min(len(buffer), len(self._ready))
        buffer[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def _unpack(self) -> Iterator[bytes]:
        packed = self._packed.read(_CHUNK)
        while packed:
            member = zlib.decompressobj(wbits=_GZIP)
            while not member.eof:
                packed = packed or self._packed.read(_CHUNK)
                if not packed:
                    self.damage = f"its gzip data is cut after byte {self._taken:,}"
                    return
                before = member.copy()
                try:
                    piece = member.decompress(packed, _CHUNK)
                except zlib.error as error:
                    yield self._unpack_to_error(before, packed)
                    self.damage = f"its gzip data is damaged after byte {self._taken:,} ({error})"
                    return
                rest = member.unused_data or member.unconsumed_tail
                self._taken += len(packed) - len(rest)
                packed = rest
                yield piece
            packed = self._skip_padding(packed)
            if packed and not packed.startswith(_MAGIC):
                self.damage = f"its gzip data ends after byte {self._taken:,}, and something else follows"
                return

    def _unpack_to_error(self, member: Any, packed: bytes) -> bytes:
        """Unpack byte by byte: of a longer piece zlib drops what comes before an error in it."""
        unpacked = b""
        for at in range(len(packed)):
            try:
                unpacked += member.decompress(packed[at : at + 1])
            except zlib.error:
                break
            self._taken += 1
        return unpacked

    def _skip_padding(self, packed: bytes) -> bytes:
        while True:
            rest = packed.lstrip(b"\0")
            self._taken += len(packed) - len(rest)
            if len(rest) >= len(_MAGIC):
                return rest
            more = self._packed.read(_CHUNK)
            if not more:
                return rest
            packed = rest + more
