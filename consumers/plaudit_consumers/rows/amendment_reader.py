"""Makes the rows of `amendments` by columns, from the bytes of amendments."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.payload_reader import PayloadReader
from plaudit_consumers.rows.schemas import AMENDMENTS, COMPARISON, EXCLUSION, FEEDBACK, PAIRS, TEXT, struct
from plaudit_consumers.rows.times import with_readable_times

_BODIES: Final = {
    "UpdateMessage": FEEDBACK,
    "CompareMessages": COMPARISON,
    "ExcludeFromTraining": EXCLUSION,
    # All of it, because only what is read is checked. Of a conversation's update only the consent is a word.
    "UpdateConversation": struct(user_id=TEXT, consent=TEXT, tags=PAIRS),
}
"""The bodies. A record has one of them, and null for the others."""
_NOT_IN_THE_RECORD: Final = (
    "body", "message_id", "feedback", "comparison", "exclusion", "consent", "recorded_at", "record_offset",
)  # fmt: skip
"""Columns that come from the bodies and from Kafka."""
_RECORD: Final = pa.struct(
    [
        *(field for field in AMENDMENTS if field.name not in _NOT_IN_THE_RECORD),
        *(pa.field(name, kind) for name, kind in _BODIES.items()),
    ]
)


class AmendmentReader:
    """Reads batches of records. Not for concurrent use."""

    def __init__(self, decoder: Decoder) -> None:
        self._reader = PayloadReader("amendment", decoder, _RECORD)

    def read_table(self, records: Sequence[KafkaRecord]) -> Any:
        """The table of `amendments`, a row for each record.

        Raises:
            as `PayloadReader.read_columns`.
        """
        columns = self._reader.read_columns(records)
        columns["body"] = _body_names(columns)
        columns["feedback"] = _with_event(columns["UpdateMessage"], columns)
        columns["comparison"] = _with_event(columns["CompareMessages"], columns)
        columns["exclusion"] = columns["ExcludeFromTraining"]
        columns["consent"] = pc.struct_field(columns["UpdateConversation"], "consent")
        columns["message_id"] = pc.coalesce(
            *(pc.struct_field(columns[name], "message_id") for name in ("feedback", "exclusion"))
        )
        columns["recorded_at"] = pa.array([record.timestamp * 1000 for record in records], pa.int64())
        columns["record_offset"] = pa.array([record.offset for record in records], pa.int64())
        arrays = [columns[field.name].cast(field.type) for field in AMENDMENTS]
        return with_readable_times(pa.Table.from_arrays(arrays, schema=AMENDMENTS))


def _body_names(columns: Mapping[str, Any]) -> Any:
    present = np.stack([columns[name].is_valid().to_numpy(zero_copy_only=False) for name in _BODIES])
    return pa.array(list(_BODIES), TEXT).take(pa.array(present.argmax(axis=0)))


def _with_event(words: Any, columns: Mapping[str, Any]) -> Any:
    """Feedback or comparisons with the time and the id of the event, as a canonical row has them."""
    arrays = [
        columns[field.name] if field.name in ("occurred_at", "event_id") else words.field(index)
        for index, field in enumerate(words.type)
    ]
    return pa.StructArray.from_arrays(arrays, fields=list(words.type), mask=words.is_null())
