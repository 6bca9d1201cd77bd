"""Argilla's `records.to_dict()`: one object that holds a list for each field, or one record for each id.

Shape: argilla-io/argilla, `argilla/src/argilla/records/_io/_generic.py` (`orient` is names or index).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord
from plaudit_producers.importers.records import ReadRecord


def is_table(value: Mapping[str, Any]) -> bool:
    """Whether an object holds the records, as columns or by their ids, and is not a record itself."""
    return _has_columns(value) or _has_ids(value)


def _has_columns(value: Mapping[str, Any]) -> bool:
    known = "fields" in value or any(name.endswith((".responses", ".suggestion")) for name in value)
    columns = dict.values(value) if isinstance(value, dict) else value.values()
    return known and "id" in value and all(isinstance(column, list) for column in columns)


def _has_ids(value: Mapping[str, Any]) -> bool:
    records = list(dict.values(value) if isinstance(value, dict) else value.values())
    return bool(records) and all(
        isinstance(each, dict) and "fields" in each and "responses" in each for each in records
    )


def records_of(members: Iterable[Member | BadRecord]) -> Iterator[Member | BadRecord]:
    """Yield the records that such an object holds, and other records as they are."""
    for member in members:
        if isinstance(member, BadRecord) or not isinstance(member.value, dict):
            yield member
        elif _has_ids(member.value):
            for number, record in enumerate(dict.values(member.value), 1):
                yield Member(replace(member.place, number=number), b"", record)
        elif _has_columns(member.value):
            yield from _rows_of(member)
        else:
            yield member


def _rows_of(member: Member) -> Iterator[Member | BadRecord]:
    columns = dict(dict.items(member.value))
    count = len(columns["id"])
    uneven = [name for name, column in columns.items() if len(column) != count]
    if uneven:  # flattened columns leave out what a record does not have, so nobody knows whose a value is
        reason = f"{uneven[0]} has {len(columns[uneven[0]])} values for {count} records; export with to_list"
        yield BadRecord(member.place, reason, rest_unread=True)
        return
    for number in range(count):
        row = ReadRecord((name, column[number]) for name, column in columns.items())
        yield Member(replace(member.place, number=number + 1), b"", row)
