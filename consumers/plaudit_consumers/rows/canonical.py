"""Makes canonical rows by dicts: from decoded FinishedConversation records to the table of `conversations`.

The sink makes the same rows by columns (`rows.canonical_reader`), which is several times as fast. The audit
uses this module, so that the two implementations check each other.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.schemas import CONVERSATIONS, VALUE_COLUMNS
from plaudit_consumers.rows.times import with_readable_times

Row = dict[str, Any]


def canonical_table(decoded: Sequence[tuple[KafkaRecord, Row]], licence: str | None = None) -> Any:
    """The canonical table, a row for each record.

    Args:
        decoded: records of the finished topic, each with its value as decoded by a sparse `Decoder`. The
            dicts are changed in place.
        licence: of conversations whose tags name none.
    """
    return table_of([canonical_row(source, record, licence) for source, record in decoded], CONVERSATIONS)


def table_of(rows: Sequence[Row], schema: Any) -> Any:
    """Rows as a table. What a row lacks is null, but a list is empty."""
    # One column at a time: Arrow converts nested values in C++.
    columns = [
        _without_null_lists(pa.array([row.get(field.name) for row in rows], field.type)) for field in schema
    ]
    return with_readable_times(pa.Table.from_arrays(columns, schema=schema))


def canonical_row(source: KafkaRecord, record: Row, licence: str | None) -> Row:
    """The canonical row of one decoded record, which is changed in place. Empty fields may be missing."""
    tags = record.get("tags") or {}
    record["licence"] = tags.get("licence") or tags.get("license") or licence
    record["recorded_at"] = source.timestamp * 1000  # milliseconds of Kafka to microseconds
    record["record_offset"] = source.offset
    record.setdefault("missing_events", 0)
    _maps_to_pairs(record, ("tags", "variants"))
    _model_metadata_to_pairs(record)
    for message in record.get("messages", ()):
        _maps_to_pairs(message, ("variants", "metadata"))
        _model_metadata_to_pairs(message)
    record["feedback"] = [feedback_row(item) for item in record.get("feedback", ())]
    return record


def _maps_to_pairs(holder: Row, names: tuple[str, ...]) -> None:
    for name in names:
        if name in holder:
            holder[name] = [{"key": key, "value": value} for key, value in holder[name].items()]


def _model_metadata_to_pairs(holder: Row) -> None:
    model = holder.get("model")
    if model and "metadata" in model:
        _maps_to_pairs(model, ("metadata",))


def feedback_row(item: Row) -> Row:
    """The feedback of a decoded item, which is changed in place, with what the item says beside it."""
    row: Row = item["feedback"]
    row |= {name: item.get(name) for name in ("message_id", "occurred_at", "event_id")}
    value = row.pop("value", None)
    if value is not None:
        name, fields = value
        for field, column in VALUE_COLUMNS[name].items():
            if field in fields:
                row[column] = fields[field]
    return row


def _without_null_lists(array: Any) -> Any:
    """The array with null lists replaced by empty ones, because sparse records leave empty lists out."""
    if pa.types.is_struct(array.type):
        children = [_without_null_lists(array.field(index)) for index in range(array.type.num_fields)]
        mask = array.is_null() if array.null_count else None
        return pa.StructArray.from_arrays(children, fields=list(array.type), mask=mask)
    if pa.types.is_list(array.type):
        return pa.ListArray.from_arrays(array.offsets, _without_null_lists(array.values), type=array.type)
    return array
