"""Reads files of prompts with the answers of several models: JSON lines or one JSON array, also as `.gz`."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from plaudit_consumers.ranking.candidates import Candidate, read_candidates
from plaudit_consumers.ranking.errors import PromptFileError

_GZIP: Final = b"\x1f\x8b"


def read_prompt_file(path: Path) -> list[Candidate]:
    """All answers of a file, in its order. It is held in memory.

    Raises:
        PromptFileError: the file cannot be read, holds no answer, or has a record of no known shape. It names
            the line, or for an array the record.
    """
    found: list[Candidate] = []
    for place, record in _records(path, _content(path)):
        try:
            found += read_candidates(record)
        except ValueError as error:
            raise PromptFileError(f"{path}, {place}: {error}") from None
    if not found:
        raise PromptFileError(f"{path} holds no answers")
    return found


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(_GZIP) else content
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise PromptFileError(f"{path} cannot be read: {reason}") from None


def _records(path: Path, content: bytes) -> Iterator[tuple[str, Any]]:
    content = content.removeprefix(b"\xef\xbb\xbf")
    if content.lstrip().startswith(b"["):
        yield from ((f"record {number}", each) for number, each in enumerate(_array(path, content), 1))
        return
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            yield f"line {number}", json.loads(line)
        except (ValueError, RecursionError) as error:
            raise PromptFileError(f"{path}, line {number}: it is not JSON: {error}") from None


def _array(path: Path, content: bytes) -> list[Any]:
    try:
        found: list[Any] = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise PromptFileError(f"{path} is not JSON: {error}") from None
    return found
