"""Makes the rows of `amendments` by dicts, as `rows.canonical` makes those of `conversations`.

The sink makes the same rows by columns (`rows.amendment_reader`). The audit uses this module, so that the two
implementations check each other.
"""

from collections.abc import Sequence
from typing import Any

from plaudit_schemas.contract.names import (
    COMPARE_MESSAGES,
    EXCLUDE_FROM_TRAINING,
    UPDATE_MESSAGE,
    short_name,
)
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.canonical import Row, feedback_row, table_of
from plaudit_consumers.rows.schemas import AMENDMENTS


def amendment_table(decoded: Sequence[tuple[KafkaRecord, Row]]) -> Any:
    """The table of `amendments`, a row for each record.

    Args:
        decoded: amendments, each with its value as decoded by a sparse decoder. The dicts are changed in
            place.
    """
    return table_of([amendment_row(source, record) for source, record in decoded], AMENDMENTS)


def amendment_row(source: KafkaRecord, record: Row) -> Row:
    """The row of one decoded amendment, which is changed in place. Empty fields may be missing."""
    name, body = record["body"]
    event = {"occurred_at": record["occurred_at"], "event_id": record["event_id"]}
    record["body"] = short_name(name)
    record["recorded_at"] = source.timestamp * 1000  # milliseconds of Kafka to microseconds
    record["record_offset"] = source.offset
    if name == UPDATE_MESSAGE:
        record["feedback"] = feedback_row({**body, **event})
    elif name == COMPARE_MESSAGES:
        record["comparison"] = {**body, **event}
    elif name == EXCLUDE_FROM_TRAINING:
        record["exclusion"] = body
    else:
        record["consent"] = body["consent"]
    record["message_id"] = body.get("message_id")
    return record
