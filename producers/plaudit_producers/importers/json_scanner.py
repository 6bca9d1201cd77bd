"""Read the elements of a JSON array, or the members of an object, one at a time, from a file of any length.

The scanner finds the end of a value by counting brackets outside strings, and `json` parses that value alone.
So memory is bounded by one value, and an invalid value does not affect the rest of the file.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from plaudit_producers.importers.model import BadRecord, Place
from plaudit_producers.importers.records import ReadRecord
from plaudit_producers.importers.source import RECORD_BYTES

ReadBytes = Callable[[int], bytes]

_CHUNK: Final = 1 << 16
_BLANK: Final = b" \t\r\n"
# Possessive quantifiers: without backtracking, the time is linear in the length.
_QUOTED = rb'"(?:[^"\\]++|\\.)*+"'
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _QUOTED + rb")*+", re.DOTALL)
_TO_BRACKET_OR_COMMA = re.compile(rb'(?:[^"\[\]{},]++|' + _QUOTED + rb")*+", re.DOTALL)


class _RawValue(NamedTuple):
    """One value, as its bytes in the file."""

    place: Place
    text: bytes


class Member(NamedTuple):
    """A record: its place, its bytes, and its value. In an object the value is a pair of key and value."""

    place: Place
    text: bytes
    value: Any


def parse_json(text: bytes) -> Any:
    """Parse one record. Raw control characters in strings are allowed.

    Raises:
        ValueError: the text is not valid JSON, or not valid UTF-8.
    """
    try:
        return json.loads(text.decode(), strict=False, object_pairs_hook=ReadRecord)
    except UnicodeDecodeError as error:
        raise ValueError(f"is not valid UTF-8 at its byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error.msg} at its character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def scan_json(read: ReadBytes, *, keyed: bool = False) -> Iterator[Member | BadRecord]:
    """Yield the elements of the file's array, or with `keyed` the members of its object."""
    scanner = _Scanner(read)
    opening = scanner.read_opening()
    if opening is None:
        return
    expected, closing, kind = (b"{", b"}", "object") if keyed else (b"[", b"]", "array")
    if opening != expected:
        yield BadRecord(Place(1, scanner.line), f"the file is no JSON {kind}", rest_unread=True)
        return
    for item in scanner.values(closing):
        if isinstance(item, BadRecord):
            yield item
            continue
        try:
            yield Member(item.place, item.text, _parse_member(item.text) if keyed else parse_json(item.text))
        except ValueError as error:
            yield BadRecord(item.place, str(error))


def _parse_member(text: bytes) -> tuple[str, Any]:
    members = parse_json(b"{" + text + b"}")
    if len(members) != 1:
        raise ValueError("is no member of an object")
    ((key, value),) = dict.items(members)
    return key, value


class _Scanner:
    def __init__(self, read: ReadBytes) -> None:
        self._read, self._buffer, self._position = read, b"", 0
        self._chunk = _CHUNK
        self.line = 1

    def read_opening(self) -> bytes | None:
        """Consume and return the next character that is not blank, or None at the end of the file."""
        while True:
            rest = self._buffer[self._position :].lstrip(_BLANK)
            if rest:
                self._skip_to(len(self._buffer) - len(rest) + 1)
                return rest[:1]
            if not self._read_more():
                return None

    def values(self, wanted: bytes) -> Iterator[_RawValue | BadRecord]:
        """Yield every value up to the closing bracket, `wanted`."""
        number, closed = 0, False
        while not closed:
            number += 1
            end, closing = self._find_value_end()
            text = self._buffer[self._position : end].lstrip(_BLANK)
            self._skip_to(end - len(text))
            place = Place(number, self.line)
            closed = closing != b","
            self._skip_to(min(end + 1, len(self._buffer)))
            if closing is None:
                yield BadRecord(place, "the file ends within a value", rest_unread=True)
                return
            if closing == b"":
                yield BadRecord(place, f"is longer than {RECORD_BYTES} bytes", rest_unread=True)
                return
            if text.strip(_BLANK):
                yield _RawValue(place, text.rstrip(_BLANK))
            elif not (closed and number == 1):
                yield BadRecord(place, "a value is missing before a comma or the end")
            if closing not in (b",", wanted):
                yield BadRecord(place, f"is followed by {closing.decode()} instead of {wanted.decode()}")
        if self.read_opening() is not None:
            yield BadRecord(
                Place(number + 1, self.line), "something follows the JSON value", rest_unread=True
            )

    def _find_value_end(self) -> tuple[int, bytes | None]:
        """Find the end of the value, and the character there.

        The character is None at the end of the file, and empty if the value is too long.
        """
        depth, at = 0, self._position
        while True:
            found = (_TO_BRACKET if depth else _TO_BRACKET_OR_COMMA).match(self._buffer, at)
            at = at if found is None else found.end()
            character = self._buffer[at : at + 1]
            if character in (b"", b'"'):  # the end of the buffer, or a string that continues after it
                if len(self._buffer) - self._position > RECORD_BYTES:
                    return len(self._buffer), b""
                at -= self._position
                if not self._read_more():
                    return len(self._buffer), None
                continue
            if depth == 0 and character in b",]}":
                return at, character
            # Whether a bracket closes one of its own kind is left to `json`.
            depth += 1 if character in b"[{" else -1
            at += 1

    def _read_more(self) -> bool:
        """Drop what was consumed, and read more. Returns False at the end of the file."""
        self._buffer = self._buffer[self._position :]
        self._position = 0
        # Doubles the buffer: a long string is scanned again from its start after each read.
        self._chunk = max(_CHUNK, len(self._buffer))
        chunk = self._read(self._chunk)
        self._buffer += chunk
        return bool(chunk)

    def _skip_to(self, position: int) -> None:
        self.line += self._buffer.count(b"\n", self._position, position)
        self._position = position
