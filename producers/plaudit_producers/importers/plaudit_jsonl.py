"""Plaudit's own events: one JSON document per line, in the form of `plaudit_schemas.contract.json_form`.

Missing ids follow from what the line says, and missing times from its number. Everything else is kept, with
two exceptions. The source becomes `import`, and an idle end counts as having seen every event before it.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.json_form import record_of
from plaudit_schemas.contract.names import END_CONVERSATION, START_CONVERSATION
from plaudit_schemas.contract.times import micros

from plaudit_producers.importers.formats import Format, expect, reason_of, scan_lines
from plaudit_producers.importers.ids import EPOCH, DerivedIds, digest_of, invented_start
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.sample import Recognised, Sample
from plaudit_producers.importers.seen_chats import SeenChats
from plaudit_producers.importers.source import Source

# The fold ignores an idle end if the conversation had activity after the end's `last_activity_at`. Imported
# events arrive later than any time in the file, so that time is replaced by one after all of them.
_ALL_SEEN: Final = micros(datetime(9999, 1, 1, tzinfo=UTC))


def read_plaudit_jsonl(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    reader = _Reader(options)
    for member in scan_lines(source):
        if isinstance(member, BadRecord):
            yield member
            continue
        try:
            yield reader.batch_of(member)
        except Exception as error:  # a document may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))


class _Reader:
    """Reads the lines of one file, and tells equal lines apart by their number."""

    def __init__(self, options: ImportOptions) -> None:
        self._options = options
        self._seen = SeenChats()

    def batch_of(self, member: Member) -> Batch:
        document = expect(member.value, dict, "an event")
        body = expect(document.get("body"), dict, "body")
        said = json.dumps(document, sort_keys=True)
        number = self._seen.number_of(digest_of(said))
        ids = DerivedIds(EPOCH, "plaudit-jsonl", said, str(number))
        invented = _fill_missing(document, "occurred_at", invented_start(member.place.number))
        if not _fill_missing(document, "event_id", ids("event", self._options.again)):
            self._check_repeat(document, digest_of(said), member.place.line)
        _fill_missing(document, "application", self._options.application or "import")
        if body.get("type") == "AddMessage":
            _fill_missing(body, "message_id", ids("message"))
        elif body.get("type") == "CompareMessages":
            _fill_missing(body, "comparison_id", ids("comparison"))
        elif body.get("type") == "UpdateMessage":
            _fill_missing(expect(body.get("feedback"), dict, "feedback"), "id", ids("feedback"))
        record = record_of(document)
        _mark_imported(record, self._options)
        return Batch(member.place, [record], int(invented))

    def _check_repeat(self, document: dict[str, Any], content: bytes, line: int) -> None:
        event_id = document["event_id"]
        name = digest_of(str(document.get("conversation_id")), str(event_id))
        before, at = self._seen.first_of(name, content, line)
        if before != content:  # as a duplicate it would be dropped in silence
            raise ValueError(f"conflict: line {at} has the event id {event_id}, too, with other content")


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


def recognise(sample: Sample) -> Recognised | None:
    for document in sample.objects or [{}]:
        body = document.get("body")
        if "conversation_id" not in document or not isinstance(body, dict) or "type" not in body:
            return None
    return Recognised(0.9, "its lines are events, each with a conversation_id and a body")


FORMAT = Format(
    "plaudit-jsonl", "Plaudit's own events: one JSON document per line", read_plaudit_jsonl, recognise
)
