"""Makes canonical rows by columns: from bytes of finished conversations to the table of `conversations`."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.payload_reader import PayloadReader
from plaudit_consumers.rows.schemas import CONVERSATIONS
from plaudit_consumers.rows.times import with_readable_times

_NOT_IN_THE_RECORD: Final = ("licence", "recorded_at", "record_offset")
"""Columns that come from the tags, the settings and Kafka instead of a field of the record."""
RECORD: Final = pa.struct([field for field in CONVERSATIONS if field.name not in _NOT_IN_THE_RECORD])
"""What the columns of a record become."""
_LICENCE_TAGS: Final = ("licence", "license")


class CanonicalReader:
    """Reads batches of records. Not for concurrent use."""

    def __init__(self, decoder: Decoder) -> None:
        self._reader = PayloadReader("finished_conversation", decoder, RECORD)

    def read_table(self, records: Sequence[KafkaRecord], licence: str | None = None) -> Any:
        """The canonical table, a row for each record.

        Args:
            licence: of conversations whose tags name none.

        Raises:
            as `PayloadReader.read_columns`.
        """
        columns = self._reader.read_columns(records)
        columns["licence"] = _licences(columns["tags"], licence)
        columns["recorded_at"] = pa.array([record.timestamp * 1000 for record in records], pa.int64())
        columns["record_offset"] = pa.array([record.offset for record in records], pa.int64())
        arrays = [columns[field.name].cast(field.type) for field in CONVERSATIONS]
        return with_readable_times(pa.Table.from_arrays(arrays, schema=CONVERSATIONS))


def _licences(tags: Any, default: str | None) -> Any:
    """The licence of each conversation: its tag `licence` or `license`, else the default."""
    if not len(tags):
        return pa.array([], pa.string())
    pairs = tags.flatten()
    named = pc.is_in(pc.struct_field(pairs, "key"), pa.array(_LICENCE_TAGS))
    if not pc.any(named, min_count=0).as_py():  # the usual case needs no Python object for each tag
        return pa.array([default] * len(tags), pa.string())
    rows = ({pair["key"]: pair["value"] for pair in row} for row in tags.to_pylist())
    return pa.array([row.get("licence") or row.get("license") or default for row in rows], pa.string())
