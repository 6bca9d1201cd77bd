"""Plaudit's own events: one JSON document per line, in the form of `plaudit_schemas.contract.json_form`.

Missing ids and times are derived from the line. Everything else is kept, with two exceptions. The source
becomes `import`, and an idle end counts as having seen every event before it in the file.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.json_form import record_of
from plaudit_schemas.contract.names import END_CONVERSATION, START_CONVERSATION
from plaudit_schemas.contract.times import micros

from plaudit_producers.importers.formats import Format, expect, reason_of, scan_lines
from plaudit_producers.importers.ids import DerivedIds, invented_start
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.source import Source

# The fold ignores an idle end if the conversation had activity after the end's `last_activity_at`. Imported
# events arrive later than any time in the file, so that time is replaced by one after all of them.
_ALL_SEEN: Final = micros(datetime(9999, 1, 1, tzinfo=UTC))


def read_plaudit_jsonl(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    for member in scan_lines(source):
        if isinstance(member, BadRecord):
            yield member
            continue
        try:
            yield _batch_of(member, options)
        except Exception as error:  # a document may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))


def _batch_of(member: Member, options: ImportOptions) -> Batch:
    document = expect(member.value, dict, "an event")
    start = invented_start(member.place.number)
    ids = DerivedIds(start, "plaudit-jsonl", str(member.place.number), member.text)
    invented = _fill_missing(document, "occurred_at", start)
    _fill_missing(document, "event_id", ids("event"))
    _fill_missing(document, "application", options.application or "import")
    body = expect(document.get("body"), dict, "body")
    if body.get("type") == "AddMessage":
        _fill_missing(body, "message_id", ids("message"))
    elif body.get("type") == "CompareMessages":
        _fill_missing(body, "comparison_id", ids("comparison"))
    elif body.get("type") == "UpdateMessage":
        _fill_missing(expect(body.get("feedback"), dict, "feedback"), "id", ids("feedback"))
    record = record_of(document)
    _mark_imported(record, options)
    return Batch(member.place, [record], int(invented))


def _fill_missing(holder: dict[str, Any], name: str, value: Any) -> bool:
    if holder.get(name) is not None:
        return False
    holder[name] = value
    return True


def _mark_imported(record: Record, options: ImportOptions) -> None:
    record["source"] = "import"
    if options.application is not None:
        record["application"] = options.application
    name, body = record["body"]
    if name == START_CONVERSATION:
        options.complete(body)
    elif name == END_CONVERSATION and body["reason"] == "idle":
        body["last_activity_at"] = _ALL_SEEN


FORMAT = Format("plaudit-jsonl", "Plaudit's own events: one JSON document per line", read_plaudit_jsonl)
