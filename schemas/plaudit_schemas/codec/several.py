"""Decode the records of a topic that holds several schemas."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from plaudit_schemas.codec.catalog import SchemaName
from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.wire import Decoder, Record, SchemaSource
from plaudit_schemas.errors import UnknownSchemaError

Name = TypeVar("Name", bound=SchemaName)


class SeveralDecoder(Generic[Name]):
    """Decodes records of several schemas. The schema id of each record tells which one it is."""

    def __init__(
        self, names: Sequence[Name], schemas: SchemaSource | None = None, *, sparse: bool = False
    ) -> None:
        """Compiles a reader for each schema. The arguments are those of `Decoder`."""
        self._decoders: dict[Name, Decoder] = {name: Decoder(name, schemas, sparse=sparse) for name in names}
        self._names: dict[bytes, Name] = {}

    def decode(self, payload: bytes) -> tuple[Name, Record]:
        """Decode one record.

        Returns:
            The name of its schema, and the record.

        Raises:
            CodecError: the bytes cannot be decoded, or are a record of another schema.
            RegistryError: the registry refused or did not answer; the bytes may be valid.
        """
        name = self.name_of(payload)
        return name, self._decoders[name].decode(payload)

    def decoder_of(self, name: Name) -> Decoder:
        """The decoder of one of the schemas."""
        return self._decoders[name]

    def name_of(self, payload: bytes) -> Name:
        """The name of the schema of a record.

        Raises:
            as `decode`, for the header alone.
        """
        header = payload[:HEADER_BYTES]
        found = self._names.get(header)
        if found is None:
            found = self._names[header] = self._find(payload)
        return found

    def _find(self, payload: bytes) -> Name:
        *others, last = self._decoders
        for name in others:
            try:
                self._decoders[name].reads_directly(payload)
            except UnknownSchemaError:
                continue  # of another schema; if nobody knows the id, the last one says so
            return name
        self._decoders[last].reads_directly(payload)
        return last
