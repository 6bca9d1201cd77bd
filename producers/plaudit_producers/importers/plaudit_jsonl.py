"""Our own events, a JSON document a line as `plaudit_producers.documents` has them: for a copy or a move.

What an event leaves out (ids, a time) follows from its line. All else is kept, but two things: the source
becomes `import`, and an idle end counts as having seen all that lies before it in the file.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from plaudit_schemas.codec import Record
from plaudit_schemas.events import micros

from plaudit_producers.documents import record_of
from plaudit_producers.importers.formats import Format, expect, members_of_lines, why
from plaudit_producers.importers.ids import DerivedIds, invented_start
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions
from plaudit_producers.importers.source import Source

_ALL_SEEN = micros(datetime(9999, 1, 1, tzinfo=UTC))


def read(source: Source, options: ImportOptions) -> Iterator[Batch | BadRecord]:
    for member in members_of_lines(source):
        if isinstance(member, BadRecord):
            yield member
            continue
        try:
            yield _event(member, options)
        except Exception as error:  # a document of any shape raises anything, and the rest must go on
            yield BadRecord(member.place, why(error))


def _event(member: Member, options: ImportOptions) -> Batch:
    document = expect(member.value, dict, "an event")
    start = invented_start(member.place.number)
    ids = DerivedIds(start, "plaudit-jsonl", str(member.place.number), member.text)
    invented = _fill(document, "occurred_at", start)
    _fill(document, "event_id", ids("event"))
    _fill(document, "application", options.application or "import")
    body = expect(document.get("body"), dict, "body")
    if body.get("type") == "AddMessage":
        _fill(body, "message_id", ids("message"))
    elif body.get("type") == "CompareMessages":
        _fill(body, "comparison_id", ids("comparison"))
    elif body.get("type") == "UpdateMessage":
        _fill(expect(body.get("feedback"), dict, "feedback"), "id", ids("feedback"))
    record = record_of(document)
    _imported(record, options)
    return Batch(member.place, [record], int(invented))


def _fill(holder: dict[str, Any], name: str, value: Any) -> bool:
    if holder.get(name) is not None:
        return False
    holder[name] = value
    return True


def _imported(record: Record, options: ImportOptions) -> None:
    record["source"] = "import"
    if options.application is not None:
        record["application"] = options.application
    name, body = record["body"]
    if name == "plaudit.v1.StartConversation":
        options.complete(body)
    elif name == "plaudit.v1.EndConversation" and body["reason"] == "idle":
        body["last_activity_at"] = _ALL_SEEN


FORMAT = Format("plaudit-jsonl", "Plaudit's own events, a JSON document a line", read)
