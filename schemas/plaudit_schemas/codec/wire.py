"""Encode records to Confluent's wire format and decode them.

Records are plain dicts. Timestamps are integers: microseconds since 1970 in UTC. The value of a union of
several records (an event's body, a feedback's value) is a tuple `(full name, dict)` in both directions.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache, partial
from io import BytesIO
from typing import Any, Final, Protocol, cast

from fastavro import schemaless_reader
from fastavro.read import SchemaResolutionError
from fastavro.schema import to_parsing_canonical_form

from plaudit_schemas.codec.avro_types import adds_only_empty_fields
from plaudit_schemas.codec.catalog import (
    FIRST_PACKAGED_ID,
    PACKAGED_IDS,
    Schema,
    SchemaName,
    packaged_id,
    parse,
    released,
    released_text,
    schema_text,
)
from plaudit_schemas.codec.header import HEADER_BYTES, header_of
from plaudit_schemas.codec.record_reader import Reader, compile_reader
from plaudit_schemas.codec.record_writer import Writer, compile_writer
from plaudit_schemas.errors import (
    BadMagicError,
    CodecError,
    EncodingError,
    MissingSchemaError,
    SchemaUnavailableError,
    TrailingBytesError,
    TruncatedError,
    UnknownBodyError,
    UnknownSchemaError,
    raise_interrupt,
)

Record = dict[str, Any]

_KEPT: Final = 64  # schemas: there are a dozen, and what registries add


class SchemaSource(Protocol):
    """A source of schema ids and of writers' schemas."""

    def id_of(self, name: SchemaName) -> int:
        """The schema id to write `name` with. The first call may block on a registry.

        Raises:
            RegistryError: the registry gave none.
        """

    def text_of(self, schema_id: int) -> str:
        """A writer's schema as JSON text. May block on a registry.

        Raises:
            UnknownSchemaError: no schema is given for this id. MissingSchemaError if that says nothing about
                other processes.
            RegistryUnavailableError: the registry cannot be asked now. SchemaUnavailableError if it fails at
                this schema only.
        """


class PackagedSchemas:
    """The ids and schemas of the package. Needs no registry."""

    def id_of(self, name: SchemaName) -> int:
        return packaged_id(name)

    def text_of(self, schema_id: int) -> str:
        text = released_text(schema_id)
        if text is None:
            raise MissingSchemaError(
                f"the schema id {schema_id} is unknown; "
                "set PLAUDIT_SCHEMA_REGISTRY_URL to the writer's registry"
            )
        return text


class Encoder:
    """Encodes records of one schema. Thread-safe.

    The schema id is asked for by `learn_id` alone, so that `encode` neither waits nor fails for a registry:
    who encodes may have changed a state already that cannot be changed a second time.
    """

    def __init__(self, name: SchemaName, schemas: SchemaSource | None = None) -> None:
        """`schemas` gives the id; None takes the packaged one, which need not be learned."""
        self.name: SchemaName = name
        self._schemas = schemas
        self._write = _writer_of(schema_text(name))
        self._header = header_of(packaged_id(name)) if schemas is None else b""

    @property
    def has_id(self) -> bool:
        """Whether the schema id is known, so that `encode` can be called."""
        return bool(self._header)

    def learn_id(self) -> None:
        """Ask for the schema id, unless it is known. May block on a registry.

        Raises:
            RegistryError: the registry gave none.
        """
        if self._schemas is not None and not self._header:
            self._header = header_of(self._schemas.id_of(self.name))

    def encode(self, record: Record) -> bytes:
        """Encode one record. The id must be known.

        Raises:
            EncodingError: the record does not fit the schema.
        """
        if not self._header:
            raise RuntimeError(f"the schema id of {self.name} is not known; call learn_id first")
        out = bytearray(self._header)
        try:
            self._write(record, out)
        except Exception as error:  # a record that does not fit can raise almost any error
            raise_interrupt(error)
            raise EncodingError(
                f"the record does not fit {self.name}: {_first_line(error)}; check its fields"
            ) from error
        return bytes(out)


class Decoder:
    """Decodes records to the current schema, whichever version of the schema wrote them.

    If the writer's schema has the same canonical form as the current one (so it may differ in documentation),
    a compiled reader decodes the record. Otherwise fastavro resolves the schemas. Which of the two it is
    is found out once for each schema id. Only the Avro encoding is checked. The contract's rules are for the
    producers and the fold to check. Thread-safe.
    """

    def __init__(
        self, name: SchemaName, schemas: SchemaSource | None = None, *, sparse: bool = False
    ) -> None:
        """Compiles the reader, once in a process.

        Args:
            schemas: asked for the ids that are not packaged ones; None knows the packaged ids only.
            sparse: leave out fields that hold nothing, as `compile_reader` describes.
        """
        self._name = name
        self._schemas = schemas or PackagedSchemas()
        self._sparse = sparse
        self._text = schema_text(name)
        self._reader, self._canonical = _parsed(self._text)
        self._compiled = _reader_of(self._text, sparse)
        self._readers: dict[bytes, Callable[[bytes, int], tuple[Record, int]]] = {}
        self._foreign: dict[int, str] = {}

    def decode(self, payload: bytes) -> Record:
        """Decode one record.

        Raises:
            CodecError: the bytes cannot be decoded; the subclass and `reason` say why.
            RegistryUnavailableError: the registry cannot be asked now; the bytes may be valid.
        """
        read = self._readers.get(payload[:HEADER_BYTES]) or self._reader_for(payload)
        try:
            record, end = read(payload, HEADER_BYTES)
        except SchemaResolutionError as error:
            raise UnknownBodyError(
                f"a newer writer's data: {_first_line(error)}; upgrade the readers, then send it again"
            ) from error
        except IndexError as error:
            raise TruncatedError("the bytes do not follow their schema: they end within a value") from error
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
            RegistryUnavailableError: the registry cannot be asked now.
        """
        return (self._readers.get(payload[:HEADER_BYTES]) or self._reader_for(payload)) is self._compiled

    def knows_schemas(self, payloads: Sequence[bytes | None]) -> bool:
        """Whether the schemas of all payloads are known, so that `decode_many` asks no registry."""
        return not self._unknown_headers(payloads)

    def decode_many(self, payloads: Sequence[bytes | None]) -> list[Record | CodecError]:
        """Decode payloads in order. The result for each is the record, or the error that `decode` raises.

        May block on a registry, unless `knows_schemas`. The answers come before anything is decoded, and each
        schema is asked for once.

        Raises:
            RegistryUnavailableError: the registry cannot be asked now; try the whole batch again.
        """
        unreadable = self._learn_schemas(self._unknown_headers(payloads))
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
                append(unreadable.get((payload or b"")[:HEADER_BYTES]) or decode(payload or b""))
            except CodecError as error:
                append(error)
        return results

    def _unknown_headers(self, payloads: Sequence[bytes | None]) -> set[bytes]:
        return {payload[:HEADER_BYTES] for payload in payloads if payload} - self._readers.keys()

    def _learn_schemas(self, headers: Iterable[bytes]) -> dict[bytes, CodecError]:
        """Ask for the schemas of headers. Returns why those that cannot be read cannot be.

        Raises:
            RegistryUnavailableError: the registry cannot be asked now.
        """
        unreadable: dict[bytes, CodecError] = {}
        failed: SchemaUnavailableError | None = None
        for header in headers:
            try:
                self._reader_for(header)
            except CodecError as error:
                unreadable[header] = error
            except SchemaUnavailableError as error:
                failed = error  # the others are asked for first, so that they need not wait for each other
        if failed is not None:
            raise failed
        return unreadable

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
        text = self._text_of(schema_id)
        writer, canonical = self._writer(schema_id, text)
        if canonical == self._canonical:
            read = self._compiled
        elif self._sparse and schema_id in released() and adds_only_empty_fields(writer, self._reader):
            # A sparse record leaves those fields out. So what a reader of the old schema gives is a record of
            # the new one, without a resolution. Older producers may send for years.
            read = _reader_of(text, True)
        else:
            read = partial(self._resolve, writer)
        self._readers[payload[:HEADER_BYTES]] = read
        return read

    def _text_of(self, schema_id: int) -> str:
        # Packaged ids first: events may carry them even if a registry is set (docs/decisions/0021).
        text = released_text(schema_id)
        if text is not None:
            return text
        if schema_id in PACKAGED_IDS:
            raise MissingSchemaError(
                f"the schema id {schema_id} is of a later release of Plaudit; upgrade this one"
            )
        if schema_id >= FIRST_PACKAGED_ID:
            raise UnknownSchemaError(
                f"the schema id {schema_id} is too large; neither a registry nor Plaudit gives it"
            )
        return self._schemas.text_of(schema_id)

    def _writer(self, schema_id: int, text: str) -> tuple[Schema, str]:
        """A writer's schema and its canonical form."""
        writer: Any = None
        canonical = ""
        try:
            writer, canonical = _parsed(text)
            found = writer.get("name") if isinstance(writer, dict) else text
        except Exception as error:  # a registry may also hold Protobuf, JSON Schema and references
            found = f"unreadable as an Avro schema ({_first_line(error)})"
        if found != self._reader["name"]:
            # The schema of an id never changes, so it need not be parsed for every message.
            self._foreign[schema_id] = f"schema id {schema_id} is {found}, not {self._reader['name']}"[:400]
            raise UnknownSchemaError(self._foreign[schema_id])
        return cast("Schema", writer), canonical

    def _resolve(self, writer: Schema, payload: bytes, position: int) -> tuple[Record, int]:
        stream = BytesIO(payload)
        stream.seek(position)
        record: Any = schemaless_reader(
            stream, writer, self._reader, return_record_name=True, return_record_name_override=True
        )
        # The compiled reader can leave fields out. Other schemas are rare, so the extra round trip is cheap.
        if self._sparse:
            out = bytearray()
            _writer_of(self._text)(record, out)
            record, _ = self._compiled(bytes(out), 0)
        return record, stream.tell()


@lru_cache(_KEPT)
def _parsed(text: str) -> tuple[Schema, str]:
    """A schema and its canonical form."""
    schema = parse(text, plain_longs=True)
    return schema, to_parsing_canonical_form(schema)


@lru_cache(_KEPT)
def _reader_of(text: str, sparse: bool) -> Reader:
    return compile_reader(_parsed(text)[0], sparse=sparse)


@lru_cache(_KEPT)
def _writer_of(text: str) -> Writer:
    return compile_writer(_parsed(text)[0])


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]
