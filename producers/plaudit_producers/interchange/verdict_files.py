"""Files of verdicts, a line each, as formats of `plaudit label`: CSV, and JSON lines."""

import csv
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plaudit_producers.importers.formats import Format, expect, reason_of, scan_lines
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.records import ReadRecord, unread_fields
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.source import RECORD_BYTES, Source
from plaudit_producers.interchange.judgement_files import LabelOptions, records_of
from plaudit_producers.interchange.verdict_rows import FIELDS, event_of_row

_NEEDED: Final = ("conversation", "value")
_UNCLOSED: Final = "a quote that opens in this line is not closed, so nothing after it was read; close it"
_QUOTES: Final = (
    "the line cannot be read ({}); put the whole cell into double quotes, and write a quote in it twice"
)


def csv_format(options: LabelOptions) -> Format:
    """The format of tables whose first line names the columns."""

    def read(source: Source, _options: ImportOptions) -> Iterator[Batch | BadRecord]:
        # Of the whole process, so it is only raised. By default it is 131,072 characters.
        csv.field_size_limit(max(csv.field_size_limit(), RECORD_BYTES))
        table = csv.DictReader(source.text(), strict=True)  # else a quote that is not closed takes all lines
        lacking = [name for name in _NEEDED if name not in (table.fieldnames or ())]
        if lacking:
            yield BadRecord(
                Place(1, 1),
                f"the first line names no column {' and no column '.join(lacking)}; the columns are "
                f"{', '.join(FIELDS)}, separated by commas",
                rest_unread=True,
            )
            return
        yield from _batches(_rows(table), options)

    def recognise(sample: Sample) -> Recognised | None:
        fits = sample.shape == "table" and sample.records and all(n in sample.records[0] for n in _NEEDED)
        return Recognised(0.7, "its columns are those of verdicts") if fits else None

    return Format("csv", f"CSV: a verdict a line, with the columns {', '.join(FIELDS)}", read, recognise)


def jsonl_format(options: LabelOptions) -> Format:
    """The format of JSON lines with the same fields."""

    def read(source: Source, _options: ImportOptions) -> Iterator[Batch | BadRecord]:
        return _batches(scan_lines(source), options)

    def recognise(sample: Sample) -> Recognised | None:
        records = sample.objects if sample.shape == "lines" else []
        fits = records and all(all(name in each for name in _NEEDED) for each in records)
        return Recognised(0.7, "its lines are verdicts") if fits else None

    return Format("jsonl", "JSON lines: a verdict a line, with the same fields", read, recognise)


def _rows(table: "csv.DictReader[str]") -> Iterator[Member | BadRecord]:
    number, line = 0, table.line_num + 1
    while True:
        number, begins = number + 1, line  # a quoted cell may span several lines
        place = Place(number, begins)
        try:
            row = next(table)
        except StopIteration:
            return
        except csv.Error as error:
            cut = "unexpected end" in str(error)
            yield BadRecord(place, _UNCLOSED if cut else _QUOTES.format(error), rest_unread=cut)
        else:
            damage = _damage_of(row)
            yield BadRecord(place, damage) if damage else Member(place, b"", ReadRecord(row.items()))
        line = table.reader.line_num + 1  # the table itself does not count a line that cannot be read


def _damage_of(row: Mapping[str | None, Any]) -> str:
    """Why the cells of a row are not what its author wrote; empty if they are."""
    if any(row.get(None) or ()):  # the text before the comma would be sent as the whole
        return "the line has more cells than there are columns; put a text with a comma into double quotes"
    try:
        "".join(cell for cell in row.values() if isinstance(cell, str)).encode()
    except UnicodeEncodeError:
        return "the line is not text in UTF-8; save the file as UTF-8 (in Excel as CSV UTF-8)"
    return ""


def _batches(members: Iterator[Member | BadRecord], options: LabelOptions) -> Iterator[Batch | BadRecord]:
    application = options.whose()
    if application is None:
        reason = "nobody says whose conversations these are; give --application, or the rubric with --rubric"
        yield BadRecord(Place(1, 1), reason, rest_unread=True)
        return
    for member in members:
        if isinstance(member, BadRecord):
            yield member
            continue
        row: Any = member.value
        try:
            event = event_of_row(expect(row, dict, "a verdict"), options)
        except Exception as error:  # a line may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))
            continue
        records = records_of(application, [event], time.time_ns() // 1000)
        yield Batch(member.place, records, unread=tuple(unread_fields(row)))
