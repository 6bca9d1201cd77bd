"""Records to bytes and back, in Confluent's wire format.

Records are plain dicts. Timestamps are integers, microseconds since 1970 in UTC. Where a union holds several
records (an event's body, a feedback's value) the value is a tuple `(full name, dict)`, both ways.
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
    """Where ids and writers' schemas come from."""

    def id_of(self, name: SchemaName) -> int:
        """The id to write `name` with. May block on a registry, once.

        Raises:
            RegistryError: the registry refused, or did not answer within the retries.
        """

    def text_of(self, schema_id: int) -> str | None:
        """A writer's schema; None when nobody knows the id. May block on a registry.

        Raises:
            RegistryError: the registry refused, or did not answer within the retries.
        """


class PackagedSchemas:
    """Ids that the package carries for good; nothing to run."""

    def id_of(self, name: SchemaName) -> int:
        return packaged_id(name)

    def text_of(self, schema_id: int) -> str | None:
        return released_text(schema_id)


class Encoder:
    """Writes records of one schema. Not for concurrent use by threads until the first call returned."""

    def __init__(self, name: SchemaName, schemas: SchemaSource | None = None) -> None:
        self._name: SchemaName = name
        self._schemas = schemas or PackagedSchemas()
        self._write = compile_writer(parse(schema_text(name), plain_longs=True))
        self._header: bytes | None = None

    def encode(self, record: Record) -> bytes:
        """One record as bytes.

        Raises:
            EncodingError: the record does not fit the schema.
            RegistryError: the registry gave no id (first call only).
        """
        if self._header is None:
            self._header = header_of(self._schemas.id_of(self._name))
        out = bytearray(self._header)
        try:
            self._write(record, out)
        except Exception as error:  # a record that does not fit raises nearly anything
            raise EncodingError(
                f"the record does not fit {self._name}: {_first_line(error)}; check its fields"
            ) from error
        return bytes(out)


class Decoder:
    """Reads records into one reader's schema, whatever released version wrote them.

    A writer's schema with the reader's canonical form (documentation aside) goes through a compiled
    reader, another one through fastavro's schema resolution; either is made once for each id.
    Nothing is validated beyond Avro itself: that is for those who produce, and for the fold. With
    `sparse`, fields that hold nothing and have that as their default are left out, as
    `compile_reader` tells.
    """

    def __init__(
        self, name: SchemaName, schemas: SchemaSource | None = None, *, sparse: bool = False
    ) -> None:
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
        """One record.

        Raises:
            CodecError: the bytes are no record of ours; the subclass and `reason` say why.
            RegistryError: the registry could not be asked; the bytes may be fine.
        """
        read = self._readers.get(payload[:HEADER_BYTES]) or self._reader_for(payload)
        try:
            record, end = read(payload, HEADER_BYTES)
        except SchemaResolutionError as error:
            raise UnknownBodyError(
                f"a newer writer's data: {_first_line(error)}; upgrade the readers, then send it again"
            ) from error
        except Exception as error:  # foreign bytes raise nearly anything
            raise TruncatedError(f"the bytes do not follow their schema: {_first_line(error)}") from error
        if end > len(payload):
            raise TruncatedError(f"the record ends {end - len(payload)} bytes after the message")
        if end < len(payload):
            raise TrailingBytesError(
                f"{len(payload) - end} bytes are left after the record; write one a message"
            )
        return record

    def reads_directly(self, payload: bytes) -> bool:
        """Whether the payload's writer had the reader's own schema, so that no resolution is needed.

        Raises:
            CodecError: the header names no schema of ours.
            RegistryError: the registry could not be asked.
        """
        return (self._readers.get(payload[:HEADER_BYTES]) or self._reader_for(payload)) is self._compiled

    def decode_many(self, payloads: Iterable[bytes | None]) -> list[Record | CodecError]:
        """Every payload's record, or the error that `decode` would have raised, in order.

        Raises:
            RegistryError: the registry could not be asked; try the whole batch again.
        """
        results: list[Record | CodecError] = []
        append, decode, compiled, readers = results.append, self.decode, self._compiled, self._readers
        for payload in payloads:
            # The common case without a call more: our own schema, nothing wrong with the bytes.
            if payload and readers.get(payload[:HEADER_BYTES]) is compiled:
                try:
                    record, end = compiled(payload, HEADER_BYTES)
                    if end == len(payload):
                        append(record)
                        continue
                except Exception:  # noqa: S110  # decode tells what it is
                    pass
            try:
                append(decode(payload or b""))
            except CodecError as error:
                append(error)
        return results

    def _reader_for(self, payload: bytes) -> Callable[[bytes, int], tuple[Record, int]]:
        if not payload:
            raise TruncatedError("the message is empty; a value in Confluent wire format is expected")
        if payload[0] != 0:
            raise BadMagicError(f"the first byte is {payload[0]}, not 0; write with Confluent's wire format")
        if len(payload) < HEADER_BYTES:
            raise TruncatedError("the message ends within its header")
        schema_id = int.from_bytes(payload[1:HEADER_BYTES], "big")
        if schema_id in self._foreign:
            raise UnknownSchemaError(self._foreign[schema_id])
        text = released_text(schema_id) or self._schemas.text_of(schema_id)
        if text is None:
            raise UnknownSchemaError(
                f"nobody knows the schema id {schema_id}; "
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
        except Exception as error:  # a registry holds Protobuf, JSON Schema and references too
            found = f"no Avro schema that can be read ({_first_line(error)})"
        if found != self._reader["name"]:
            # What an id stands for never changes, so each is looked at once.
            self._foreign[schema_id] = f"schema id {schema_id} is {found}, not {self._reader['name']}"[:400]
            raise UnknownSchemaError(self._foreign[schema_id])
        return cast("Schema", writer)

    def _resolve(self, writer: Schema, payload: bytes, position: int) -> tuple[Record, int]:
        stream = BytesIO(payload)
        stream.seek(position)
        record: Any = schemaless_reader(
            stream, writer, self._reader, return_record_name=True, return_record_name_override=True
        )
        if self._sparse:  # the compiled reader knows how; old writers are rare enough to pay for it
            out = bytearray()
            compile_writer(self._reader)(record, out)
            record, _ = self._compiled(bytes(out), 0)
        return record, stream.tell()


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
