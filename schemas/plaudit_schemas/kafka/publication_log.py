"""Reads and writes a compacted topic that holds publications: of models, of rubrics, of API keys."""

from collections.abc import Callable
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaException

from plaudit_schemas.codec.catalog import SchemaName
from plaudit_schemas.codec.wire import Decoder, Encoder, PackagedSchemas
from plaudit_schemas.errors import CodecError, ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.closing import ClosedByWith
from plaudit_schemas.kafka.producer import connector
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.kafka.schema_ids import schemas_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import admin_of, live_partitions

ANSWER_S: Final = 30.0
_LARGEST: Final = 2 << 20
"""Bytes of a record: the topics' max.message.bytes."""


class Logged(Protocol):
    """What a record of such a topic says."""

    @property
    def id(self) -> str:
        """A ULID."""

    @property
    def key(self) -> bytes:
        """The record's key, which no other record has."""

    @property
    def published_ms(self) -> int:
        """The broker's timestamp; in a copy that of the original."""

    def to_record(self) -> dict[str, Any]:
        """The record as the encoder of the topic's schema takes it, without `copied_from`."""


P = TypeVar("P", bound=Logged)


class LogContent(NamedTuple, Generic[P]):
    """What the topic holds.

    Attributes:
        publications: in the order of the topic.
        unreadable: for each record that this release cannot read, its key and the reason.
    """

    publications: list[P]
    unreadable: list[tuple[str, str]]


class LogForm(NamedTuple, Generic[P]):
    """What differs from one of these topics to the other.

    Attributes:
        topic: without the topic prefix.
        read: a publication from its decoded record and the broker's timestamp in milliseconds. It raises
            ValueError for what a later release wrote and this one does not know.
        listing: the command that shows what is published.
        registered: whether ids of schemas come from the schema registry, if one is set. Otherwise the
            packaged ids are used, so that reading needs Kafka alone.
    """

    topic: str
    schema: SchemaName
    read: Callable[[dict[str, Any], int], P]
    listing: str
    registered: bool = True


class PublicationLog(ClosedByWith, Generic[P]):
    """The topic as a whole. It is small, so each reading begins at its start. Not thread-safe."""

    def __init__(
        self, connection: ConnectionSettings, form: LogForm[P], *, timeout_s: float = ANSWER_S
    ) -> None:
        """Does not wait for Kafka.

        Args:
            timeout_s: how long Kafka may stay silent before a call raises ServiceUnavailableError.
        """
        self._connection, self._form, self._timeout_s = connection, form, timeout_s
        self._reader = TopicReader(connection, form.topic, timeout_s=timeout_s)
        schemas = schemas_of(connection) if form.registered else PackagedSchemas()
        self._decoder = Decoder(form.schema, schemas)
        self._encoder = Encoder(form.schema, schemas)

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._reader.close()

    def bounds(self) -> tuple[int, int]:
        """The first offset of the topic, and the offset after its last record.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            TopicError: the topic does not exist, or has more than one partition.
        """
        if self._reader.partitions() != [0]:
            raise TopicError(
                f"{self._reader.topic} has several partitions, so its publications have no order; delete it "
                "and run `plaudit topics create`"
            )
        return self._reader.ends(0)

    def read(self) -> LogContent[P]:
        """Everything in the topic, up to the end that it has when this is called.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            TopicError: the topic does not exist, or has more than one partition.
            RegistryUnavailableError: the schema registry cannot be asked now.
        """
        found: dict[bytes, P | str] = {}
        for record in self._reader.records(0, *self.bounds()):
            key = record.key or b""
            found.pop(key, None)  # a record that replaces another takes its own place in the order
            if record.value is not None:
                found[key] = self._read_one(record)
        return LogContent(
            [each for each in found.values() if not isinstance(each, str)],
            [(key.decode(errors="replace"), each) for key, each in found.items() if isinstance(each, str)],
        )

    def append(self, publication: P, *, copied_from_ms: int | None = None) -> int:
        """Write a publication, and return the broker's timestamp. Blocks until Kafka has it.

        Args:
            copied_from_ms: in a copy, the broker's timestamp of the original.

        Raises:
            ServiceUnavailableError: Kafka does not answer, or did not take it.
            TopicError: the topic gives records the time of their producer.
            RegistryError: the schema registry gave no schema id.
        """
        self._encoder.learn_id()
        copied_from = None if copied_from_ms is None else copied_from_ms * 1000
        value = self._encoder.encode({**publication.to_record(), "copied_from": copied_from})
        answers: list[tuple[Any, Any]] = []
        options = {
            "log_level": 0,
            "message.timeout.ms": int(self._timeout_s * 1000),
            "message.max.bytes": _LARGEST,
        }
        client = connector(self._connection, options)()
        try:
            client.produce(
                self._reader.topic, value, publication.key, on_delivery=lambda *answer: answers.append(answer)
            )
            client.flush(self._timeout_s + 1)
        except KafkaException as error:
            answers = [(error.args[0], None)]
        if not answers or answers[0][0] is not None:
            reason = answers[0][0].str() if answers else "no answer in time"
            raise ServiceUnavailableError(
                f"Kafka did not take the publication ({reason}); see `{self._form.listing}` before another "
                "try"
            )
        kind, timestamp = answers[0][1].timestamp()
        if kind != TIMESTAMP_LOG_APPEND_TIME:
            raise TopicError(
                f"{self._reader.topic} does not give its records the broker's time; set "
                "message.timestamp.type=LogAppendTime and publish again"
            )
        return int(timestamp)

    def _read_one(self, record: KafkaRecord) -> P | str:
        """A record's publication, or why it cannot be read."""
        try:
            return self._form.read(self._decoder.decode(record.value or b""), record.timestamp)
        except (CodecError, ValueError) as error:
            return str(error)


def copy_publications(connection: ConnectionSettings, target: ConnectionSettings, form: LogForm[P]) -> int:
    """Copy the publications that the topic of another prefix lacks, and return how many that were.

    A copy counts from when the original did, so that a replay of copied events takes the same versions.

    Raises:
        ServiceUnavailableError: Kafka does not answer. Run it again.
        TopicError: a topic is missing or cannot be used.
        RegistryError: a schema registry is set and gives no answer.
    """
    if connection.topic_prefix + form.topic not in live_partitions(admin_of(connection), connection):
        return 0  # the line was made by a release without this topic
    with PublicationLog(connection, form) as old, PublicationLog(target, form) as new:
        there = {each.id for each in new.read().publications}
        missing = [each for each in old.read().publications if each.id not in there]
        for each in missing:
            new.append(each, copied_from_ms=each.published_ms)
    return len(missing)
