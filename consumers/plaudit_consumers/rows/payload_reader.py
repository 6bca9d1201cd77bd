"""Reads records of one schema by columns, whichever version of the schema wrote them."""

from collections.abc import Iterator, Sequence
from typing import Any

from plaudit_schemas.codec.catalog import SchemaName, parse, schema_text
from plaudit_schemas.codec.emitter import Emitter
from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.column_reader import ColumnReader, ColumnSource
from plaudit_consumers.rows.schemas import VALUE_COLUMNS


def column_source(name: SchemaName) -> ColumnSource:
    """The source of the function that reads a record's columns."""
    # Times stay plain numbers, which Arrow converts a column at a time.
    schema = parse(schema_text(name), plain_longs=True)
    return ColumnSource(schema, inlined=frozenset(("feedback",)), value_columns=VALUE_COLUMNS)


def generated_sources() -> Iterator[Emitter]:
    """What is worth compiling to machine code: finished conversations come by the million."""
    yield column_source("finished_conversation").emitter


class PayloadReader:
    """Reads batches of records. Not for concurrent use."""

    def __init__(self, name: SchemaName, decoder: Decoder, arrow_type: Any) -> None:
        """Generates the reader.

        Args:
            decoder: of this schema.
            arrow_type: a struct with the wanted fields of the record.
        """
        self._decoder, self._encoder, self._type = decoder, Encoder(name), arrow_type
        self._columns = ColumnReader(column_source(name))

    def read_columns(self, records: Sequence[KafkaRecord]) -> dict[str, Any]:
        """The wanted fields by name, each as an array with a value for each record.

        Raises:
            ValueError, CodecError: one payload is not a valid record of the schema.
            RegistryUnavailableError: the registry cannot be asked now.
        """
        payloads = [self._in_current_schema(record.value or b"") for record in records]
        structs = self._columns.read_structs(payloads, HEADER_BYTES, self._type)
        return dict(zip((field.name for field in self._type), structs.flatten(), strict=True))

    def _in_current_schema(self, payload: bytes) -> bytes:
        """The record in the current schema, which is the only one that the columns can read."""
        if self._decoder.reads_directly(payload):
            return payload
        return self._encoder.encode(self._decoder.decode(payload))
