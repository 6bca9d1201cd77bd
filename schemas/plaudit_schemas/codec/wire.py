"""Encode records to Confluent's wire format and decode them.

Records are plain dicts. Timestamps are integers: microseconds since 1970 in UTC. The value of a union of
several records (an event's body, a feedback's value) is a tuple `(full name, dict)` in both directions.
"""

from collections.abc import Callable, Iterable
from functools import partial
from io import BytesIO
from typing import Any, Protocol, cast

from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError
from fastavro.schema import to_parsing_canonical_form

from plaudit_schemas.codec.catalog import Schema, SchemaName, packaged_id, parse, released_text, schema_text
from plaudit_schemas.codec.header import HEADER_BYTES, header_of
from plaudit_schemas.codec.record_reader import compile_reader
from plaudit_schemas.codec.record_writer import compile_writer
from plaudit_schemas.errors import (
    BadMagicError,
    CodecError,
    EncodingError,
    TrailingBytesError,
    TruncatedError,
    UnknownBodyError,
    UnknownSchemaError,
)

Record = dict[str, Any]


class SchemaSource(Protocol):
    """A source of schema ids and of writers' schemas."""

    def id_of(self, name: SchemaName) -> int:
        """The schema id to write `name` with. The first call may block on a registry.

        Raises:
            RegistryError: the registry refused, or did not answer within the retries.
        """

    def text_of(self, schema_id: int) -> str | None:
        """A writer's schema as JSON text. None if the id is unknown. May block on a registry.

        Raises:
            RegistryError: the registry refused, or did not answer within the retries.
        """


class PackagedSchemas:
    """The ids and schemas of the package. Needs no registry."""

    def id_of(self, name: SchemaName) -> int:
        return packaged_id(name)

    def text_of(self, schema_id: int) -> str | None:
        return released_text(schema_id)


class Encoder:
    """Encodes records of one schema. Thread-safe once the first call has returned."""

    def __init__(self, name: SchemaName, schemas: SchemaSource | None = None) -> None:
        self._name: SchemaName = name
        self._schemas = schemas or PackagedSchemas()
        self._write = compile_writer(parse(schema_text(name), plain_longs=True))
        self._header: bytes | None = None

    def encode(self, record: Record) -> bytes:
        """Encode one record.

        Raises:
            EncodingError: the record does not fit the schema.
            RegistryError: the source gave no schema id. Raised only until one call has succeeded.
        """
        if self._header is None:
            self._header = header_of(self._schemas.id_of(self._name))
        out = bytearray(self._header)
        try:
            self._write(record, out)
        except Exception as error:  # a record that does not fit can raise almost any error
            raise EncodingError(
                f"the record does not fit {self._name}: {_first_line(error)}; check its fields"
            ) from error
        return bytes(out)


class Decoder:
    """Decodes records to the current schema, whichever version of the schema wrote them.

    If the writer's schema has the same canonical form as the current one (so it may differ in documentation),
    a compiled reader decodes the record. Otherwise fastavro resolves the schemas. Which of the two it is
    is found out once for each schema id. Only the Avro encoding is checked. The contract's rules are for the
    producers and the fold to check.
    """

    def __init__(
        self, name: SchemaName, schemas: SchemaSource | None = None, *, sparse: bool = False
    ) -> None:
        """Compiles the reader.

        Args:
            schemas: asked for the ids that are not packaged ones; None knows the packaged ids only.
            sparse: leave out fields that hold nothing, as `compile_reader` describes.
        """
        self._name = name
        self._schemas = schemas or PackagedSchemas()
        self._sparse = sparse
        self._text = schema_text(name)
        self._reader = parse(self._text, plain_longs=True)
        self._canonical = to_parsing_canonical_form(self._reader)
        self._compiled = compile_reader(self._reader, sparse=sparse)
        self._readers: dict[bytes, Callable[[bytes, int], tuple[Record, int]]] = {}
        self._foreign: dict[int, str] = {}

    def decode(self, payload: bytes) -> Record:
        """Decode one record.

        Raises:
            CodecError: the bytes cannot be decoded; the subclass and `reason` say why.
            RegistryError: the registry refused or did not answer; the bytes may be valid.
        """
        read = self._readers.get(payload[:HEADER_BYTES]) or self._reader_for(payload)
        try:
            record, end = read(payload, HEADER_BYTES)
        except SchemaResolutionError as error:
            raise UnknownBodyError(
                f"a newer writer's data: {_first_line(error)}; upgrade the readers, then send it again"
            ) from error
        except Exception as error:  # foreign bytes can raise almost any error
            raise TruncatedError(f"the bytes do not follow their schema: {_first_line(error)}") from error
        if end > len(payload):
            raise TruncatedError(f"the record ends {end - len(payload)} bytes after the end of the message")
        if end < len(payload):
            raise TrailingBytesError(
                f"{len(payload) - end} bytes are left after the record; write one record in each message"
            )
        return record

    def reads_directly(self, payload: bytes) -> bool:
        """Whether the payload's writer used the current schema, so that no schema resolution is needed.

        Raises:
            CodecError: the header is not valid, or its schema id is unknown or of another schema.
            RegistryError: the registry refused or did not answer.
        """
        return (self._readers.get(payload[:HEADER_BYTES]) or self._reader_for(payload)) is self._compiled

    def decode_many(self, payloads: Iterable[bytes | None]) -> list[Record | CodecError]:
        """Decode payloads in order. The result for each is the record, or the error that `decode` raises.

        Raises:
            RegistryError: the registry refused or did not answer; try the whole batch again.
        """
        results: list[Record | CodecError] = []
        append, decode, compiled, readers = results.append, self.decode, self._compiled, self._readers
        for payload in payloads:
            # The common case, the current schema and valid bytes, spares the call of `decode`.
            if payload and readers.get(payload[:HEADER_BYTES]) is compiled:
                try:
                    record, end = compiled(payload, HEADER_BYTES)
                    if end == len(payload):
                        append(record)
                        continue
                except Exception:  # noqa: S110  # `decode` meets it again and names it
                    pass
            try:
                append(decode(payload or b""))
            except CodecError as error:
                append(error)
        return results

    def _reader_for(self, payload: bytes) -> Callable[[bytes, int], tuple[Record, int]]:
        if not payload:
            raise TruncatedError("the message is empty; it must be in Confluent's wire format")
        if payload[0] != 0:
            raise BadMagicError(f"the first byte is {payload[0]}, not 0; write with Confluent's wire format")
        if len(payload) < HEADER_BYTES:
            raise TruncatedError("the message ends within its header")
        schema_id = int.from_bytes(payload[1:HEADER_BYTES], "big")
        if schema_id in self._foreign:
            raise UnknownSchemaError(self._foreign[schema_id])
        # Packaged ids first: events may carry them even if a registry is set (docs/decisions/0021).
        text = released_text(schema_id) or self._schemas.text_of(schema_id)
        if text is None:
            raise UnknownSchemaError(
                f"the schema id {schema_id} is unknown; "
                "set PLAUDIT_SCHEMA_REGISTRY_URL to the writer's registry"
            )
        writer = self._writer(schema_id, text)
        same = to_parsing_canonical_form(writer) == self._canonical
        read = self._compiled if same else partial(self._resolve, writer)
        self._readers[payload[:HEADER_BYTES]] = read
        return read

    def _writer(self, schema_id: int, text: str) -> Schema:
        writer: Any = None
        try:
            writer = parse(text, plain_longs=True)
            found = writer.get("name") if isinstance(writer, dict) else text
        except Exception as error:  # a registry may also hold Protobuf, JSON Schema and references
            found = f"unreadable as an Avro schema ({_first_line(error)})"
        if found != self._reader["name"]:
            # The schema of an id never changes, so it need not be parsed for every message.
            self._foreign[schema_id] = f"schema id {schema_id} is {found}, not {self._reader['name']}"[:400]
            raise UnknownSchemaError(self._foreign[schema_id])
        return cast("Schema", writer)

    def _resolve(self, writer: Schema, payload: bytes, position: int) -> tuple[Record, int]:
        stream = BytesIO(payload)
        stream.seek(position)
        record: Any = schemaless_reader(
            stream, writer, self._reader, return_record_name=True, return_record_name_override=True
        )
        # The compiled reader can leave fields out. Other schemas are rare, so the extra round trip is cheap.
        if self._sparse:
            out = bytearray()
            compile_writer(self._reader)(record, out)
            record, _ = self._compiled(bytes(out), 0)
        return record, stream.tell()


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
