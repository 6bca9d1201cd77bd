"""Finished conversations from their bytes to canonical rows, by way of columns."""

from collections.abc import Sequence
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from plaudit_schemas.catalog import parse, schema_text
from plaudit_schemas.codec import HEADER_BYTES, Decoder, Encoder, SchemaSource

from plaudit_consumers.rows.canonical import VALUE_COLUMNS
from plaudit_consumers.rows.columnar import ColumnReader
from plaudit_consumers.rows.schemas import CONVERSATIONS

_READ = pa.struct(
    [field for field in CONVERSATIONS if field.name not in ("licence", "recorded_at", "record_offset")]
)
_LICENCE_TAGS = ("licence", "license")


class Recorded(Protocol):
    """A record of the finished topic as Kafka gave it."""

    @property
    def offset(self) -> int: ...

    @property
    def timestamp_ms(self) -> int: ...

    @property
    def payload(self) -> bytes: ...


class CanonicalReader:
    """Reads batches; not for concurrent use."""

    def __init__(self, schemas: SchemaSource | None = None) -> None:
        self._decoder = Decoder("finished_conversation", schemas)
        self._encoder = Encoder("finished_conversation")
        self._columns = ColumnReader(
            parse(schema_text("finished_conversation"), plain_longs=True),
            inlined=frozenset(("feedback",)),
            branches=VALUE_COLUMNS,
        )
        self._direct: dict[bytes, bool] = {}

    def check(self, payload: bytes) -> None:
        """Find out what is wrong with a payload.

        Raises:
            CodecError: it is no record of ours; the subclass says why.
            RegistryError: the registry could not be asked.
        """
        self._decoder.decode(payload)

    def table(self, records: Sequence[Recorded], licence: str | None = None) -> Any:
        """The canonical table, a row for each record.

        Raises:
            ValueError, CodecError: one of them is no record of ours; `check` tells which.
            RegistryError: the registry could not be asked.
        """
        payloads = [self._current(record.payload) for record in records]
        read = self._columns.arrays(payloads, HEADER_BYTES, _READ)
        columns = dict(zip((field.name for field in _READ), read.flatten(), strict=True))
        columns["licence"] = _licences(columns["tags"], licence)
        columns["recorded_at"] = pa.array([record.timestamp_ms * 1000 for record in records], pa.int64())
        columns["record_offset"] = pa.array([record.offset for record in records], pa.int64())
        arrays = [columns[field.name].cast(field.type) for field in CONVERSATIONS]
        return pa.Table.from_arrays(arrays, schema=CONVERSATIONS)

    def _current(self, payload: bytes) -> bytes:
        """The record's bytes in the schema of today."""
        header = payload[:HEADER_BYTES]
        direct = self._direct.get(header)
        if direct is None:
            direct = self._direct[header] = self._decoder.reads_directly(payload)
        return payload if direct else self._encoder.encode(self._decoder.decode(payload))


def _licences(tags: Any, otherwise: str | None) -> Any:
    """The tag `licence` or `license`, else the setting."""
    if not len(tags):
        return pa.array([], pa.string())
    pairs = tags.flatten()
    named = pc.is_in(pc.struct_field(pairs, "key"), pa.array(_LICENCE_TAGS))
    if not pc.any(named, min_count=0).as_py():
        return pa.array([otherwise] * len(tags), pa.string())
    found = ({each["key"]: each["value"] for each in row} for row in tags.to_pylist())
    return pa.array([row.get("licence") or row.get("license") or otherwise for row in found], pa.string())
