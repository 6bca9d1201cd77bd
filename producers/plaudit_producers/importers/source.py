"""A file to import, read once from beginning to end. gzip is recognised by its first bytes."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO, cast

from plaudit_schemas.errors import NotFoundError

from plaudit_producers.importers.unpacking import GzipReader

RECORD_BYTES: Final = 64 << 20
"""A longer record is refused, so that a file without line breaks does not fill the memory."""

_CHUNK: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


class Source:
    """An open binary file, which need not be seekable.

    Args:
        stream: the bytes, plain or gzip.
        path: the file's path, to find files that belong to it; None for a stream.
    """

    def __init__(self, stream: BinaryIO, path: Path | None = None) -> None:
        self._raw = stream if isinstance(stream, io.BufferedReader) else _Buffered(stream)
        self._path = path
        self._stream: io.BufferedReader | None = None
        self._unpacked: GzipReader | None = None
        self._text: io.TextIOWrapper | None = None

    def read(self, size: int = _CHUNK) -> bytes:
        """Read up to `size` bytes. Returns none at the end of the file, or where it is damaged."""
        return self._open().read(size)

    @property
    def damage(self) -> str:
        """What is wrong with the compressed data, and where; empty if nothing is known to be wrong."""
        return "" if self._unpacked is None else self._unpacked.damage

    def head(self, size: int) -> tuple[bytes, bool]:
        """Return the first `size` bytes without consuming them, and whether they are all. Call it first."""
        stream = self._open()
        head = stream.read(size)
        whole = len(head) < size
        self._stream = io.BufferedReader(_Rejoined(head, stream))
        return head, whole

    def peek(self) -> bytes:
        """Return the first character that is not blank, without consuming it.

        Looks at the first few kilobytes only.
        """
        buffered = self._open()
        return buffered.peek(1).lstrip()[:1]

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the number and bytes of each line. Only the last one may have no line break.

        Instead of the bytes of a line longer than RECORD_BYTES it yields None.
        """
        stream, number = self._open(), 0
        while line := stream.readline(RECORD_BYTES):
            number += 1
            whole = len(line) < RECORD_BYTES or line.endswith(b"\n")
            while not whole and (rest := stream.readline(RECORD_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, line if whole else None

    def text(self) -> TextIO:
        """Return the file as text, for csv.

        Bytes that are not UTF-8 become lone surrogates. No event may hold those, so the records are refused.
        """
        # Kept in an attribute: the wrapper closes the file when it is garbage-collected.
        self._text = io.TextIOWrapper(self._open(), encoding="utf-8", errors="surrogateescape", newline="")
        return self._text

    @contextmanager
    def beside(self, name: str) -> Iterator["Source"]:
        """Open another file of the same folder, plain or with the suffix `.gz`.

        Raises:
            NotFoundError: there is no such file, or this file has no folder.
        """
        folder = None if self._path is None else self._path.parent
        for candidate in (name, f"{name}.gz"):
            if folder is not None and (folder / candidate).is_file():
                with open_source(folder / candidate) as source:
                    yield source
                return
        raise NotFoundError(f"{name} must lie beside {self._path or 'the file, which has no folder'}")

    def progress(self) -> tuple[int, int | None]:
        """Return the bytes read so far, and the file's size if it is known. Both are before decompression."""
        try:
            return self._raw.tell(), os.fstat(self._raw.fileno()).st_size
        except (OSError, ValueError):
            return 0, None

    def _open(self) -> io.BufferedReader:
        if self._stream is None:
            packed = self._raw.peek(2)[:2] == _GZIP
            self._unpacked = GzipReader(self._raw) if packed else None
            buffered = io.BufferedReader(self._unpacked) if self._unpacked is not None else self._raw
            if buffered.peek(3)[:3] == _BOM:
                buffered.read(3)
            self._stream = buffered
        return self._stream


class _Buffered(io.BufferedReader):
    """A buffered reader over any binary stream, such as a BytesIO."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(cast("io.RawIOBase", stream))


class _Rejoined(io.RawIOBase):
    """Bytes that were read already, and then the rest of their stream."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self._head, self._rest = io.BytesIO(head), rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """Open a file, or standard input for `-`.

    Raises:
        NotFoundError: the file cannot be read.
    """
    if str(path) == "-":
        yield Source(sys.stdin.buffer)
        return
    try:
        stream = Path(path).open("rb")  # noqa: SIM115  # closed below; its own errors must not be taken for these
    except OSError as error:
        raise NotFoundError(f"{path} cannot be read: {error.strerror}") from None
    with stream:
        yield Source(stream, Path(path))
