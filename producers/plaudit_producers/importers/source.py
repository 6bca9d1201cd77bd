"""A file to import from, read once from its beginning to its end. gzip is recognised by its first bytes."""

import gzip
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, TextIO, cast

from plaudit_schemas.errors import NotFoundError

RECORD_BYTES: Final = 64 << 20
"""A longer record is bad: a file without line ends must not fill the memory."""

_CHUNK: Final = 1 << 16
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"


class Source:
    """An open file of bytes, which need not be seekable.

    Args:
        stream: the bytes, compressed or not.
        path: where it lies, to find files that belong to it; None for a stream.
    """

    def __init__(self, stream: BinaryIO, path: Path | None = None) -> None:
        self._raw = stream if isinstance(stream, io.BufferedReader) else _Buffered(stream)
        self._path = path
        self._stream: io.BufferedReader | None = None
        self._text: io.TextIOWrapper | None = None

    def read(self, size: int = _CHUNK) -> bytes:
        """The next bytes, empty at the end; EOFError or zlib.error where gzip is damaged."""
        return self._open().read(size)

    def peek(self) -> bytes:
        """The first character that is no blank, in the first few kilobytes; nothing is consumed."""
        buffered = self._open()
        return buffered.peek(1).lstrip()[:1]

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Number and bytes of each line, without its end; None for one of more than RECORD_BYTES."""
        stream, number = self._open(), 0
        while line := stream.readline(RECORD_BYTES):
            number += 1
            whole = len(line) < RECORD_BYTES or line.endswith(b"\n")
            while not whole and (rest := stream.readline(RECORD_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield number, line.rstrip(b"\r\n") if whole else None

    def text(self) -> TextIO:
        """The file as text, for csv. Bytes that are no UTF-8 become lone surrogates, which no event holds."""
        # Kept here: the wrapper closes the file when it is collected.
        self._text = io.TextIOWrapper(self._open(), encoding="utf-8", errors="surrogateescape", newline="")
        return self._text

    @contextmanager
    def beside(self, name: str) -> Iterator["Source"]:
        """Another file of the same folder, compressed or not.

        Raises:
            NotFoundError: there is none, or this one has no folder.
        """
        folder = None if self._path is None else self._path.parent
        for candidate in (name, f"{name}.gz"):
            if folder is not None and (folder / candidate).is_file():
                with open_source(folder / candidate) as source:
                    yield source
                return
        raise NotFoundError(f"{name} must lie beside {self._path or 'the file, which has no folder'}")

    def progress(self) -> tuple[int, int | None]:
        """Bytes read so far, as they lie on the disk, and the size of the file where it is known."""
        try:
            return self._raw.tell(), os.fstat(self._raw.fileno()).st_size
        except (OSError, ValueError):
            return 0, None

    def _open(self) -> io.BufferedReader:
        if self._stream is None:
            packed = self._raw.peek(2)[:2] == _GZIP
            plain = gzip.GzipFile(fileobj=self._raw) if packed else self._raw
            buffered = plain if isinstance(plain, io.BufferedReader) else io.BufferedReader(plain)
            if buffered.peek(3)[:3] == _BOM:
                buffered.read(3)
            self._stream = buffered
        return self._stream


class _Buffered(io.BufferedReader):
    """A reader over any stream of bytes, such as a BytesIO."""

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__(cast("io.RawIOBase", stream))


@contextmanager
def open_source(path: str | Path) -> Iterator[Source]:
    """Open a file; `-` is the standard input.

    Raises:
        NotFoundError: it cannot be read.
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
