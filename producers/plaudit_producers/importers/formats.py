"""Formats of files, and the ways of reading a file that several formats share."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.json_scanner import Member, parse_json, scan_json
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.records import unread_fields
from plaudit_producers.importers.sample import Recognise
from plaudit_producers.importers.seen_chats import SeenChats
from plaudit_producers.importers.source import RECORD_BYTES, Source

ReadFormat = Callable[[Source, ImportOptions], Iterator[Batch | BadRecord]]
BuildChat = Callable[[Chat, Any], None]
"""Fills a chat from one record. An exception makes the record a bad one, and is the reason in the report."""

_JSON_NAMES: Final[Mapping[type, str]] = {
    dict: "an object", list: "a list", str: "a text", bool: "true or false", int: "a number",
    float: "a number", type(None): "null",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Format:
    """A file format that `plaudit replay` reads.

    Attributes:
        name: the value of `--format`.
        help: a description in one line.
        read: called once for each file. It yields conversations lazily, in the order of the file, with at
            most one in memory. For a bad record it yields a BadRecord and does not raise.
        recognises: says from a file's first records whether this format reads it; None never does, so the
            format must be named. See `Recognised`.
    """

    name: str
    help: str
    read: ReadFormat
    recognises: Recognise | None = None


def json_lines(
    name: str,
    build: BuildChat,
    *,
    help: str = "",  # noqa: A002  # as argparse has it
    recognises: Recognise | None = None,
) -> Format:
    """Make a format with one conversation per line. `build` takes the JSON value of a line."""
    return Format(name, help, _reader(name, build, scan_lines), recognises)


def json_file(
    name: str,
    build: BuildChat,
    *,
    help: str = "",  # noqa: A002  # as argparse has it
    recognises: Recognise | None = None,
) -> Format:
    """Make a format whose files are a JSON array of records, or JSON lines. `build` takes one record."""
    return Format(name, help, _reader(name, build, _array_or_lines), recognises)


def json_object(
    name: str,
    build: BuildChat,
    *,
    help: str = "",  # noqa: A002  # as argparse has it
    recognises: Recognise | None = None,
) -> Format:
    """Make a format whose files are one JSON object. `build` takes a pair of key and value."""
    return Format(name, help, _reader(name, build, _pairs), recognises)


def _reader(
    name: str, build: BuildChat, scan: Callable[[Source], Iterable[Member | BadRecord]]
) -> ReadFormat:
    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return build_chats(name, build, scan(source), options)

    return read


def _array_or_lines(source: Source) -> Iterable[Member | BadRecord]:
    return scan_json(source.read) if source.peek() == b"[" else scan_lines(source)


def _pairs(source: Source) -> Iterable[Member | BadRecord]:
    return scan_json(source.read, keyed=True)


def build_chats(
    name: str, build: BuildChat, members: Iterable[Member | BadRecord], options: ImportOptions
) -> Iterator[Batch | BadRecord]:
    """Build the conversation of each record. A record that cannot be built becomes a BadRecord."""
    seen = SeenChats()
    for member in members:
        if isinstance(member, BadRecord):
            yield member
            continue
        chat = Chat(member.place, options, name, seen)
        try:
            if options.id_field is not None:
                chat.identify_by_field(_first_object(member.value)[options.id_field])
            build(chat, member.value)
            batches = chat.batches()
        except Exception as error:  # a record may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))
            continue
        for batch in batches[:1]:  # the record is told of once
            batch.unread = tuple(unread_fields(member.value))
        yield from batches


def group_records(
    members: Iterable[Member | BadRecord], key_of: Callable[[Any], Any], *, adjacent: bool = True
) -> Iterator[Member | BadRecord]:
    """Join the records that share one chat. `build` then takes a list of them, in the file's order.

    Args:
        key_of: returns what records of one chat have in common; it must be hashable. None, or an exception,
            leaves a record alone, in a list of one.
        adjacent: only records that follow each other are joined, so one group is in memory at a time. With
            False all records of the file are read first.
    """
    groups: dict[Any, list[Member]] = {}
    for member in members:
        if isinstance(member, BadRecord):
            yield member
            continue
        key = _key_of(member, key_of)
        if adjacent and key not in groups:
            yield from map(_joined, groups.values())
            groups.clear()
        groups.setdefault(key, []).append(member)
    yield from map(_joined, groups.values())


def _first_object(value: Any) -> dict[str, Any]:
    """The record itself, or the first one of a group, of a table's rows, or of a key and a record."""
    if isinstance(value, list | tuple):
        for item in value:
            if isinstance(item, dict | list | tuple):
                return _first_object(item)
    record: dict[str, Any] = expect(value, dict, "a record")
    return record


def _key_of(member: Member, key_of: Callable[[Any], Any]) -> Any:
    try:
        key = key_of(member.value)
        hash(key)
    except Exception:  # a record may have any shape; `build` says what is wrong with it
        key = None
    return ("alone", member.place.number) if key is None else ("key", key)


def _joined(members: list[Member]) -> Member:
    first = members[0]
    return Member(first.place, b"", [member.value for member in members])


def scan_lines(source: Source) -> Iterator[Member | BadRecord]:
    """Yield the JSON value of each line. Blank lines are skipped.

    A last line without a line break that is no JSON was cut: the rest of the file is missing.
    """
    for number, line in source.lines():
        place = Place(number, number)
        if line is None:
            yield BadRecord(place, f"is longer than {RECORD_BYTES} bytes")
        elif line.strip():
            try:
                yield Member(place, line, parse_json(line.rstrip(b"\r\n")))
            except ValueError as error:
                if line.endswith(b"\n"):
                    yield BadRecord(place, str(error))
                else:
                    yield BadRecord(
                        place, f"the file ends within this record, which {error}", rest_unread=True
                    )


def read_batches(form: Format, source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    """Call `form.read`. If the file is damaged, end with a BadRecord that says where."""
    place = Place(0, 0)
    try:
        for item in form.read(source, options):
            place = item.place
            yield item
        damage = source.damage
    except csv.Error as error:
        damage = reason_of(error)
    if damage:
        where = Place(place.number + 1, place.line + 1)
        yield BadRecord(where, f"the file is damaged: {damage}", rest_unread=True)


def reason_of(error: BaseException) -> str:
    """Describe an error in one line, as the reason of a BadRecord. It may quote the record, so it is cut."""
    text = str(error).splitlines()[0][:300] if str(error) else ""
    if isinstance(error, ValidationError):  # of a rater or another part of an event
        first = error.errors()[0]
        return f"{'.'.join([error.title, *map(str, first['loc'])])}: {first['msg']}"[:300]
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
        raise ValueError(f"{what} must be {_json_name(kind)}, not {_json_name(type(value))}")  # noqa: TRY004
    return value


def _json_name(kind: type) -> str:
    """What people call a type who know the file and not Python."""
    return next((name for known, name in _JSON_NAMES.items() if issubclass(kind, known)), kind.__name__)


def as_text(value: Any) -> str:
    """Return a string unchanged, and any other value as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
