"""The first records of a file, by which a format is recognised (`Format.recognises`)."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal, NamedTuple

from plaudit_producers.importers.json_scanner import Member, parse_json, scan_json

Shape = Literal["lines", "array", "object", "table", "text"]
RECORDS: Final = 20
"""How many records a sample holds at most."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The first records of a file.

    Attributes:
        shape: `lines` of JSON, a JSON `array`, a JSON `object`, a `table` of comma-separated values whose
            first line names the columns, or other `text`.
        records: at most 20: JSON values; of an `object` pairs of key and value; of a `table` rows as dicts.
    """

    shape: Shape
    records: list[Any] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[str, Any]]:
        """The members of a file that is one JSON object, on one line or on several. Otherwise empty."""
        if self.shape == "object":
            return self.records
        if self.shape == "lines" and len(self.records) == 1 and isinstance(self.records[0], dict):
            return list(self.records[0].items())
        return []

    @property
    def objects(self) -> list[dict[str, Any]]:
        """The records if all of them are JSON objects in lines or an array. Otherwise empty."""
        fits = self.shape in ("lines", "array") and all(isinstance(one, dict) for one in self.records)
        return self.records if fits else []


class Recognised(NamedTuple):
    """That a format reads a file.

    Attributes:
        confidence: above 0, at most 1. The format with the highest one is taken; equals are ambiguous. By
            convention 0.5 says that the records have the fields that the format needs, 0.7 that fields are
            there which only this format has, and 0.9 that values are, too.
        reason: ends the sentence "It looks like <format>: ...".
    """

    confidence: float
    reason: str


Recognise = Callable[[Sample], Recognised | None]


def has_fields(*names: str, confidence: float = 0.5, without: tuple[str, ...] = ()) -> Recognise:
    """Recognise records that are all JSON objects with these fields, and have none of those in `without`."""

    def recognise(sample: Sample) -> Recognised | None:
        objects = sample.objects
        if not objects or not all(fields_fit(one, names, without) for one in objects):
            return None
        return Recognised(confidence, f"its records have {' and '.join(names)}")

    return recognise


def fields_fit(record: dict[str, Any], names: tuple[str, ...], without: tuple[str, ...] = ()) -> bool:
    """Whether a record has all fields in `names` and none of those in `without`."""
    return all(name in record for name in names) and not any(name in record for name in without)


def sample_of(head: bytes, *, whole: bool) -> Sample:
    """Make a sample of the first bytes of a file.

    Args:
        whole: whether these are all of its bytes; otherwise the last record may be cut.
    """
    first = head.lstrip()[:1]
    if first == b"[":
        return Sample("array", _scanned(head, keyed=False))
    if first == b"{":
        if lines := _lines(head, whole=whole):
            return Sample("lines", lines)
        return Sample("object", _scanned(head, keyed=True))
    return _table(head)


def _scanned(head: bytes, *, keyed: bool) -> list[Any]:
    rest = [head]
    members = scan_json(lambda _: rest.pop() if rest else b"", keyed=keyed)
    return list(islice((one.value for one in members if isinstance(one, Member)), RECORDS))


def _lines(head: bytes, *, whole: bool) -> list[Any]:
    """The JSON values of the first lines, without one that is cut.

    Empty if the first line has none, unless most of the others do: it may be broken.
    """
    lines = head.split(b"\n")
    if not whole:
        lines = lines[:-1]
    first = list(islice((line for line in lines if line.strip()), RECORDS + 1))
    parsed = [_parsed(line) for line in first]
    found = [value for value in parsed if value is not None]
    objects = sum(isinstance(value, dict) for value in found)
    if not parsed or (parsed[0] is None and 2 * objects <= len(parsed)):
        return []
    return found[:RECORDS]


def _parsed(line: bytes) -> Any:
    try:
        return parse_json(line)
    except ValueError:
        return None


def _table(head: bytes) -> Sample:
    lines = [line for line in head.decode(errors="replace").splitlines() if line.strip()]
    if not lines or "," not in lines[0]:
        return Sample("text", lines[:RECORDS])
    csv.field_size_limit(max(csv.field_size_limit(), len(head)))
    return Sample("table", list(islice(csv.DictReader(lines), RECORDS)))
