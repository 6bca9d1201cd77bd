"""Formats of files, and the ways of reading a file that several formats share."""

import csv
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.json_scanner import Member, parse_json, scan_json
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.source import RECORD_BYTES, Source

ReadFormat = Callable[[Source, ImportOptions], Iterator[Batch | BadRecord]]
BuildChat = Callable[[Chat, Any], None]
"""Fills a chat from one record. An exception makes the record a bad one, and is the reason in the report."""


@dataclass(frozen=True, slots=True)
class Format:
    """A file format that `plaudit replay` reads.

    Attributes:
        name: the value of `--format`.
        help: a description in one line.
        read: called once for each file. It yields conversations lazily, in the order of the file, with at
            most one in memory. For a bad record it yields a BadRecord and does not raise.
    """

    name: str
    help: str
    read: ReadFormat


def json_lines(name: str, build: BuildChat, *, help: str = "") -> Format:  # noqa: A002  # as argparse has it
    """Make a format with one conversation per line. `build` takes the JSON value of a line."""

    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return build_chats(name, build, scan_lines(source), options)

    return Format(name, help, read)


def json_file(name: str, build: BuildChat, *, help: str = "") -> Format:  # noqa: A002  # as argparse has it
    """Make a format whose files are a JSON array of records, or JSON lines. `build` takes one record."""

    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        members = scan_json(source.read) if source.peek() == b"[" else scan_lines(source)
        return build_chats(name, build, members, options)

    return Format(name, help, read)


def json_object(name: str, build: BuildChat, *, help: str = "") -> Format:  # noqa: A002  # as argparse has it
    """Make a format whose files are one JSON object. `build` takes a pair of key and value."""

    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return build_chats(name, build, scan_json(source.read, keyed=True), options)

    return Format(name, help, read)


def build_chats(
    name: str, build: BuildChat, members: Iterable[Member | BadRecord], options: ImportOptions
) -> Iterator[Batch | BadRecord]:
    """Build the conversation of each record. A record that cannot be built becomes a BadRecord."""
    for member in members:
        if isinstance(member, BadRecord):
            yield member
            continue
        chat = Chat(member.place, options, name, member.text)
        try:
            build(chat, member.value)
        except Exception as error:  # a record may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))
        else:
            yield chat.batch()


def scan_lines(source: Source) -> Iterator[Member | BadRecord]:
    """Yield the JSON value of each line. Blank lines are skipped."""
    for number, line in source.lines():
        place = Place(number, number)
        if line is None:
            yield BadRecord(place, f"is longer than {RECORD_BYTES} bytes")
        elif line.strip():
            try:
                yield Member(place, line, parse_json(line))
            except ValueError as error:
                yield BadRecord(place, str(error))


def read_batches(form: Format, source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    """Call `form.read`. If the file is damaged, end with a BadRecord instead of an exception."""
    place = Place(0, 0)
    try:
        for item in form.read(source, options):
            place = item.place
            yield item
    except (EOFError, zlib.error, gzip.BadGzipFile, csv.Error) as error:
        where = Place(place.number + 1, place.line + 1)
        yield BadRecord(where, f"the file is damaged: {reason_of(error)}", rest_unread=True)


def reason_of(error: BaseException) -> str:
    """Describe an error in one line, as the reason of a BadRecord. It may quote the record, so it is cut."""
    text = str(error).splitlines()[0][:300] if str(error) else ""
    if isinstance(error, KeyError):
        return f"lacks {text}"
    # Our own reasons are plain ValueErrors. Others, such as JSONDecodeError, say little without their name.
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}"


def expect(value: Any, kind: type, what: str) -> Any:
    """Return the value unchanged if it is an instance of `kind`.

    Raises:
        ValueError: it is not. The message calls the value `what`.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{what} must be a {kind.__name__}, not {type(value).__name__}")  # noqa: TRY004
    return value


def as_text(value: Any) -> str:
    """Return a string unchanged, and any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
