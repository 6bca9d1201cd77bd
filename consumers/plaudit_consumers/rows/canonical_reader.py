"""Makes canonical rows by columns: from bytes of finished conversations to the table of `conversations`."""

from collections.abc import Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.codec.catalog import parse, schema_text
from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.wire import Decoder, Encoder, SchemaSource
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.column_reader import ColumnReader
from plaudit_consumers.rows.schemas import CONVERSATIONS, VALUE_COLUMNS

_NOT_IN_THE_RECORD: Final = ("licence", "recorded_at", "record_offset")
"""Columns that come from the tags, the settings and Kafka instead of a field of the record."""
_RECORD: Final = pa.struct([field for field in CONVERSATIONS if field.name not in _NOT_IN_THE_RECORD])
_LICENCE_TAGS: Final = ("licence", "license")


class CanonicalReader:
    """Reads batches of records. Not for concurrent use."""

    def __init__(self, schemas: SchemaSource | None = None) -> None:
        self._decoder = Decoder("finished_conversation", schemas)
        self._encoder = Encoder("finished_conversation")
        self._columns = ColumnReader(
            # Times stay plain numbers, which Arrow converts a column at a time.
            parse(schema_text("finished_conversation"), plain_longs=True),
            inlined=frozenset(("feedback",)),
            value_columns=VALUE_COLUMNS,
        )
        self._is_current: dict[bytes, bool] = {}

    def check_payload(self, payload: bytes) -> None:
        """Decode a payload to find out what is wrong with it, if anything.

        Raises:
            CodecError: it is not a valid record; the subclass says why.
            RegistryError: the registry could not be asked.
        """
        self._decoder.decode(payload)

    def read_table(self, records: Sequence[KafkaRecord], licence: str | None = None) -> Any:
        """The canonical table, a row for each record.

        Args:
            licence: of conversations whose tags name none.

        Raises:
            ValueError, CodecError: one payload is not a valid record; `check_payload` finds out which.
            RegistryError: the registry could not be asked.
        """
        payloads = [self._in_current_schema(record.value or b"") for record in records]
        structs = self._columns.read_structs(payloads, HEADER_BYTES, _RECORD)
        columns = dict(zip((field.name for field in _RECORD), structs.flatten(), strict=True))
        columns["licence"] = _licences(columns["tags"], licence)
        columns["recorded_at"] = pa.array([record.timestamp * 1000 for record in records], pa.int64())
        columns["record_offset"] = pa.array([record.offset for record in records], pa.int64())
        arrays = [columns[field.name].cast(field.type) for field in CONVERSATIONS]
        return pa.Table.from_arrays(arrays, schema=CONVERSATIONS)

    def _in_current_schema(self, payload: bytes) -> bytes:
        """The record in the current schema, which is the only one that the columns can read."""
        header = payload[:HEADER_BYTES]  # names the schema, so one answer holds for all records with it
        is_current = self._is_current.get(header)
        if is_current is None:
            is_current = self._is_current[header] = self._decoder.reads_directly(payload)
        return payload if is_current else self._encoder.encode(self._decoder.decode(payload))


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
