"""Inflates gzip piece by piece, never more of it than there is room for."""

import zlib
from typing import Final

from plaudit_producers.gateway.errors import GzipError

_GZIP: Final = 16 + zlib.MAX_WBITS


class Inflater:
    """Inflates one body, which may hold several members.

    Attributes:
        read_bytes: the bytes of the body so far, before they were inflated.
    """

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self.read_bytes = 0

    def inflate(self, chunk: bytes, room: int) -> bytes:
        """What a chunk of the body inflates to, at most `room` bytes. The rest is then lost.

        Raises:
            GzipError: the body is not gzip.
        """
        self.read_bytes += len(chunk)
        found = []
        try:
            while chunk and room > 0:
                if self._member.eof:
                    self._member = zlib.decompressobj(_GZIP)
                found.append(self._member.decompress(chunk, room))
                room -= len(found[-1])
                chunk = self._member.unused_data or self._member.unconsumed_tail
        except zlib.error:
            raise GzipError("the body is not gzip, as its Content-Encoding says") from None
        return b"".join(found)

    def finish(self) -> None:
        """Call it at the end of the body.

        Raises:
            GzipError: the end is missing.
        """
        if self.read_bytes and not self._member.eof:
            raise GzipError("the gzip in the body ends before its end")
