"""Canonical rows: decoded FinishedConversation records to the Arrow table of `conversations`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from plaudit_consumers.rows.schemas import CONVERSATIONS

Record = dict[str, Any]


class Recorded(NamedTuple):
    """A record of the finished topic: what was decoded, and where and when Kafka took it."""

    record: Record
    offset: int
    timestamp_ms: int


def conversations(recorded: Sequence[Recorded], licence: str | None = None) -> pa.Table:
    """The canonical table of records read with a sparse `Decoder`; it takes them over and changes them.

    Nested values go through Arrow's own conversion, one column at a time: that is C++.
    """
    records = [prepared(each, licence) for each in recorded]
    columns = [
        _whole_lists(pa.array([record.get(field.name) for record in records], field.type))
        for field in CONVERSATIONS
    ]
    return pa.Table.from_arrays(columns, schema=CONVERSATIONS)


def prepared(recorded: Recorded, licence: str | None) -> Record:
    record = recorded.record
    tags = record.get("tags") or {}
    record["licence"] = tags.get("licence") or tags.get("license") or licence
    record["recorded_at"] = recorded.timestamp_ms * 1000
    record["record_offset"] = recorded.offset
    record.setdefault("missing_events", 0)
    _maps(record, ("tags", "variants"))
    _model(record)
    for message in record.get("messages", ()):
        _maps(message, ("variants", "metadata"))
        _model(message)
    record["feedback"] = [_feedback(each) for each in record.get("feedback", ())]
    return record


def _maps(holder: Record, names: tuple[str, ...]) -> None:
    for name in names:
        if name in holder:
            holder[name] = [{"key": key, "value": value} for key, value in holder[name].items()]


def _model(holder: Record) -> None:
    model = holder.get("model")
    if model and "metadata" in model:
        _maps(model, ("metadata",))


VALUE_COLUMNS = {
    "plaudit.v1.Thumb": {"like": "thumb"},
    "plaudit.v1.Number": {"number": "number", "minimum": "minimum", "maximum": "maximum"},
    "plaudit.v1.Label": {"labels": "labels"},
    "plaudit.v1.Text": {"text": "text"},
    "plaudit.v1.Correction": {"content": "correction"},
    "plaudit.v1.Signal": {"name": "signal", "number": "signal_number"},
}


def _feedback(item: Record) -> Record:
    row: Record = item["feedback"]
    row["message_id"], row["occurred_at"] = item.get("message_id"), item["occurred_at"]
    value = row.pop("value", None)
    if value is not None:
        kind, fields = value
        for name, column in VALUE_COLUMNS[kind].items():
            if name in fields:
                row[column] = fields[name]
    return row


def _whole_lists(array: Any) -> Any:
    """The array with empty lists where the sparse records had none: a list column holds no null."""
    if pa.types.is_struct(array.type):
        children = [_whole_lists(array.field(index)) for index in range(array.type.num_fields)]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(array.type), mask=mask)
    if pa.types.is_list(array.type):
        return pa.ListArray.from_arrays(array.offsets, _whole_lists(array.values), type=array.type)
    return array
