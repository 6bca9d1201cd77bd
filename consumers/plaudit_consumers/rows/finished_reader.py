"""Reads the finished topic, which holds finished conversations and amendments in one order."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import Encoder, SchemaSource
from plaudit_schemas.errors import CodecError, MissingSchemaError
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_consumers.rows.amendment_reader import AmendmentReader
from plaudit_consumers.rows.canonical_reader import CanonicalReader
from plaudit_consumers.rows.schemas import Subset

FinishedName = Literal["finished_conversation", "amendment"]
SUBSET_OF: Final[Mapping[FinishedName, Subset]] = {
    "finished_conversation": "conversations",
    "amendment": "amendments",
}
"""The subset of each kind of record."""


class FinishedReader:
    """Reads batches of records of both kinds. Not for concurrent use."""

    def __init__(self, schemas: SchemaSource | None = None) -> None:
        self._decoder = SeveralDecoder[FinishedName](list(SUBSET_OF), schemas)
        self._encoders = {name: Encoder(name) for name in SUBSET_OF}
        self._conversations = CanonicalReader(self._decoder.decoder_of("finished_conversation"))
        self._amendments = AmendmentReader(self._decoder.decoder_of("amendment"))

    def learn_schema(self, payload: bytes) -> None:
        """Ask for the schema that a payload names, unless it is known. May block on a registry.

        A payload without a schema that can be read raises nothing: `check_payload` says what is wrong.

        Raises:
            MissingSchemaError: this process cannot know the schema.
            RegistryUnavailableError: the registry cannot be asked now.
        """
        try:
            self._decoder.name_of(payload)
        except MissingSchemaError:
            raise
        except CodecError:
            pass

    def check_payload(self, payload: bytes) -> None:
        """Decode a payload to find out what is wrong with it, if anything.

        Raises:
            CodecError: it is not a valid record; the subclass says why.
            RegistryUnavailableError: the registry cannot be asked now.
        """
        name, record = self._decoder.decode(payload)
        self._encoders[name].encode(record)

    def read_tables(self, records: Sequence[KafkaRecord], licence: str | None = None) -> dict[Subset, Any]:
        """The tables of `conversations` and `amendments`, with the records of each kind in their order.

        Args:
            licence: of conversations whose tags name none.

        Raises:
            ValueError, CodecError: one payload is not a valid record; `check_payload` finds out which.
            RegistryUnavailableError: the registry cannot be asked now.
        """
        parts: dict[FinishedName, list[KafkaRecord]] = {name: [] for name in SUBSET_OF}
        for record in records:
            parts[self._decoder.name_of(record.value or b"")].append(record)
        return {
            "conversations": self._conversations.read_table(parts["finished_conversation"], licence),
            "amendments": self._amendments.read_table(parts["amendment"]),
        }
