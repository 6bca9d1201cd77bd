"""Elements of a JSON array, or members of an object, one at a time; the file may have any length.

The end of a value is found by counting brackets outside strings, and `json` reads that value alone. So memory
is bounded by one value, and a value that is wrong does not spoil the rest.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

from plaudit_producers.importers.model import BadRecord, Place
from plaudit_producers.importers.source import RECORD_BYTES

ReadBytes = Callable[[int], bytes]

_CHUNK: Final = 1 << 16
_BLANK: Final = b" \t\r\n"
_QUOTED = rb'"(?:[^"\\]++|\\.)*+"'
_TO_BRACKET = re.compile(rb'(?:[^"\[\]{}]++|' + _QUOTED + rb")*+", re.DOTALL)
_TO_BRACKET_OR_COMMA = re.compile(rb'(?:[^"\[\]{},]++|' + _QUOTED + rb")*+", re.DOTALL)


class _RawValue(NamedTuple):
    """One value as it stands in the file."""

    place: Place
    text: bytes


class Member(NamedTuple):
    """A record: where it lies, its own bytes, and its value; in an object, a pair of key and value."""

    place: Place
    text: bytes
    value: Any


def parse_json(text: bytes) -> Any:
    """The value of one record; raw control characters in strings are let through.

    Raises:
        ValueError: it is no JSON, or no UTF-8.
    """
    try:
        return json.loads(text.decode(), strict=False)
    except UnicodeDecodeError as error:
        raise ValueError(f"is not valid UTF-8 at its byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not valid JSON: {error.msg} at its character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def scan_json(read: ReadBytes, *, keyed: bool = False) -> Iterator[Member | BadRecord]:
    """Elements of the array, or with `keyed` members of the object, that the file holds."""
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
    ((key, value),) = members.items()
    return key, value


class _Scanner:
    def __init__(self, read: ReadBytes) -> None:
        self._read, self._buffer, self._position = read, b"", 0
        self._chunk = _CHUNK
        self.line = 1

    def read_opening(self) -> bytes | None:
        """Consume the first character that is no blank; None at the end of the file."""
        while True:
            rest = self._buffer[self._position :].lstrip(_BLANK)
            if rest:
                self._skip_to(len(self._buffer) - len(rest) + 1)
                return rest[:1]
            if not self._read_more():
                return None

    def values(self, wanted: bytes) -> Iterator[_RawValue | BadRecord]:
        """Every value up to the closing bracket, `wanted`."""
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
        """Where the value ends, and the character there: None at the end of the file, empty if too long."""
        depth, at = 0, self._position
        while True:
            found = (_TO_BRACKET if depth else _TO_BRACKET_OR_COMMA).match(self._buffer, at)
            at = at if found is None else found.end()
            character = self._buffer[at : at + 1]
            if character in (b"", b'"'):  # a string that goes on in what is not read yet, or the end
                if len(self._buffer) - self._position > RECORD_BYTES:
                    return len(self._buffer), b""
                at -= self._position
                if not self._read_more():
                    return len(self._buffer), None
                continue
            if depth == 0 and character in b",]}":
                return at, character
            depth += 1 if character in b"[{" else -1
            at += 1

    def _read_more(self) -> bool:
        """Drop what was consumed and read on, in ever larger pieces for a long value; False at the end."""
        self._buffer = self._buffer[self._position :]
        self._position = 0
        self._chunk = max(_CHUNK, len(self._buffer))
        chunk = self._read(self._chunk)
        self._buffer += chunk
        return bool(chunk)

    def _skip_to(self, position: int) -> None:
        self.line += self._buffer.count(b"\n", self._position, position)
        self._position = position
