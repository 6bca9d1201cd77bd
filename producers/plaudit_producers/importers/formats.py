"""What a format is, and the ways of reading a file that formats share."""

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
"""Fills a chat from one record. Whatever it raises makes the record a bad one, with that reason."""


@dataclass(frozen=True, slots=True)
class Format:
    """A file format that `plaudit replay` reads.

    Attributes:
        name: what `--format` takes.
        help: one line.
        read: called once for a file. It yields conversations lazily, in the order of the file, with one
            of them in memory at most. For a bad record it does not raise, but yields a BadRecord.
    """

    name: str
    help: str
    read: ReadFormat


def json_lines(name: str, build: BuildChat, *, help: str = "") -> Format:  # noqa: A002  # as argparse has it
    """A format with one conversation a line, each a JSON value that `build` takes."""

    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return build_chats(name, build, scan_lines(source), options)

    return Format(name, help, read)


def json_file(name: str, build: BuildChat, *, help: str = "") -> Format:  # noqa: A002  # as argparse has it
    """A format whose file is one JSON array of records, or has one a line; `build` takes a record."""

    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        members = scan_json(source.read) if source.peek() == b"[" else scan_lines(source)
        return build_chats(name, build, members, options)

    return Format(name, help, read)


def json_object(name: str, build: BuildChat, *, help: str = "") -> Format:  # noqa: A002  # as argparse has it
    """A format whose file is one JSON object; `build` takes a pair of key and value."""

    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return build_chats(name, build, scan_json(source.read, keyed=True), options)

    return Format(name, help, read)


def build_chats(
    name: str, build: BuildChat, members: Iterable[Member | BadRecord], options: ImportOptions
) -> Iterator[Batch | BadRecord]:
    """Build the conversation of each record; one that cannot be built is a bad record."""
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
    """The JSON value of each line; blank lines are skipped."""
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
    """As `form.read`, but a damaged file ends with a bad record."""
    place = Place(0, 0)
    try:
        for item in form.read(source, options):
            place = item.place
            yield item
    except (EOFError, zlib.error, gzip.BadGzipFile, csv.Error) as error:
        where = Place(place.number + 1, place.line + 1)
        yield BadRecord(where, f"the file is damaged: {reason_of(error)}", rest_unread=True)


def reason_of(error: BaseException) -> str:
    """An error as the reason of a bad record, in one line; it may quote the record and is cut."""
    text = str(error).splitlines()[0][:300] if str(error) else ""
    if isinstance(error, KeyError):
        return f"lacks {text}"
    return text if type(error) is ValueError else f"{type(error).__name__}: {text}"


def expect(value: Any, kind: type, what: str) -> Any:
    """The value itself, if it is of a kind.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, kind):
        raise ValueError(f"{what} must be a {kind.__name__}, not {type(value).__name__}")  # noqa: TRY004
    return value


def as_text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
