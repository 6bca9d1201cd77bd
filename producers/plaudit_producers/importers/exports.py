"""Files that tools export: an array, lines, or an object that wraps a list; and records that share a chat."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from plaudit_schemas.contract.limits import METADATA_ENTRIES

from plaudit_producers.importers.chat import Chat
from plaudit_producers.importers.formats import (
    BuildChat,
    Format,
    build_chats,
    group_records,
    reason_of,
)
from plaudit_producers.importers.ids import digest_of
from plaudit_producers.importers.json_scanner import Member, parse_json, scan_json
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.sample import Recognise, Sample
from plaudit_producers.importers.source import RECORD_BYTES, Source

_TAGS: Final = METADATA_ENTRIES - 4  # room for the tags of `--tag`

Members = Iterator[Member | BadRecord]


def export_file(
    name: str,
    build: BuildChat,
    *,
    help: str = "",  # noqa: A002  # as argparse has it
    recognises: Recognise | None = None,
    wrapped_in: tuple[str, ...] = (),
    key_of: Callable[[Any], Any] | None = None,
    adjacent: bool = False,
) -> Format:
    """Make a format whose files are an array of records, JSON lines, or one object.

    Args:
        build: takes a record, or with `key_of` the list of all records of one chat.
        wrapped_in: the fields in which an object may hold a list of the records.
        key_of: returns what the records of one chat have in common. A record of which it raises is refused.
        adjacent: see `group_records`.
    """

    def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
        members = refuse_repeated(unwrap(read_members(source), wrapped_in))
        if key_of is not None:
            members = group_records(refuse_unkeyed(members, key_of), key_of, adjacent=adjacent)
        return build_chats(name, build, members, options)

    return Format(name, help, read, recognises)


def read_members(source: Source) -> Members:
    """Yield the records of an array, of lines, or of one object that is laid out in several lines."""
    if source.peek() == b"[":
        yield from scan_json(source.read)
        return
    laid_out: list[bytes] = []
    for number, line in source.lines():
        if line is None:
            yield BadRecord(Place(number, number), f"is longer than {RECORD_BYTES} bytes")
        elif laid_out or (number == 1 and line.strip() == b"{"):
            laid_out.append(line)
        elif line.strip():
            yield _parsed(Place(number, number), line)
    if laid_out:
        yield _parsed(Place(1, 1), b"\n".join(laid_out))


def _parsed(place: Place, text: bytes) -> Member | BadRecord:
    try:
        return Member(place, text, parse_json(text))
    except ValueError as error:
        return BadRecord(place, str(error))


def unwrap(members: Iterable[Member | BadRecord], wrapped_in: tuple[str, ...]) -> Members:
    """Yield the records within an object that holds a list of them, and other records as they are."""
    for member in members:
        wrapper = None if isinstance(member, BadRecord) else _wrapper(member.value, wrapped_in)
        if isinstance(member, BadRecord) or wrapper is None:
            yield member
            continue
        for number, value in enumerate(member.value[wrapper], 1):
            yield Member(replace(member.place, number=number), b"", value)


def _wrapper(value: Any, wrapped_in: tuple[str, ...]) -> str | None:
    if not isinstance(value, dict) or "id" in value:  # a record may hold such a list, too
        return None
    return next((name for name in wrapped_in if isinstance(dict.get(value, name), list)), None)


def refuse_unkeyed(members: Iterable[Member | BadRecord], key_of: Callable[[Any], Any]) -> Members:
    """Refuse the records of which `key_of` raises, so that they do not spoil the others of their chat."""
    for member in members:
        if isinstance(member, BadRecord):
            yield member
            continue
        try:
            key_of(member.value)
        except Exception as error:  # a record may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))
        else:
            yield member


def refuse_repeated(members: Iterable[Member | BadRecord]) -> Members:
    """Refuse records with an id that are there twice, as in exports that were joined."""
    seen: dict[bytes, int] = {}
    for member in members:
        if isinstance(member, BadRecord) or not (isinstance(member.value, dict) and "id" in member.value):
            yield member
            continue
        # Unlike JSON's encoder, `repr` does not count the fields as read.
        first = seen.setdefault(digest_of(repr(member.value)), member.place.number)
        if first == member.place.number:
            yield member
        else:
            yield BadRecord(member.place, f"is record {first} once more")


def sampled(sample: Sample, wrapped_in: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """Return the records of a sample if all are objects, also those within an object that wraps them."""
    for name, value in sample.pairs:
        if name in wrapped_in and isinstance(value, list) and all(isinstance(one, dict) for one in value):
            return value
    if sample.shape == "object":
        return [dict(sample.pairs)] if sample.pairs else []
    return sample.objects


def fit_tags(chat: Chat, tags: Mapping[str, str]) -> dict[str, str]:
    """Return as many tags as a conversation may have beside those of the import, and note the others."""
    kept = dict(list(tags.items())[:_TAGS])
    left = [name for name in tags if name not in kept]
    if left:
        chat.note(
            f"a conversation has at most {METADATA_ENTRIES} tags, so these are left out: {', '.join(left)}"
        )
    return kept
