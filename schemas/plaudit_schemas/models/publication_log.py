"""Reads and writes the topic `plaudit.models`. Needs none of the extras."""

from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaException

from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import CodecError, ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.producer import connector
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.models.publications import Publication, publication_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import MODELS

ANSWER_S: Final = 30.0


class LogContent(NamedTuple):
    """What the topic holds.

    Attributes:
        publications: in the order of the topic.
        unreadable: for each record that this release cannot read, its key and the reason.
    """

    publications: list[Publication]
    unreadable: list[tuple[str, str]]


class PublicationLog:
    """The topic as a whole. It is small, so each reading begins at its start. Not thread-safe."""

    def __init__(self, connection: ConnectionSettings, *, timeout_s: float = ANSWER_S) -> None:
        """Does not wait for Kafka.

        Args:
            timeout_s: how long Kafka may stay silent before a call raises ServiceUnavailableError.
        """
        self._connection, self._timeout_s = connection, timeout_s
        self._reader = TopicReader(connection, MODELS, timeout_s=timeout_s)
        schemas = connection.schemas()
        self._decoder = Decoder("model_publication", schemas)
        self._encoder = Encoder("model_publication", schemas)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._reader.close()

    def read(self) -> LogContent:
        """Everything in the topic, up to the end that it has when this is called.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            TopicError: the topic does not exist, or has more than one partition.
            RegistryUnavailableError: the schema registry cannot be asked now.
        """
        if self._reader.partitions() != [0]:
            raise TopicError(
                f"{self._reader.topic} has several partitions, so its publications have no order; delete it "
                "and run `plaudit topics create`"
            )
        found: dict[bytes, Publication | str] = {}
        for record in self._reader.records(0, *self._reader.ends(0)):
            key = record.key or b""
            found.pop(key, None)  # a record that replaces another takes its own place in the order
            if record.value is not None:
                found[key] = self._read_one(record)
        return LogContent(
            [each for each in found.values() if isinstance(each, Publication)],
            [
                (key.decode(errors="replace"), each)
                for key, each in found.items()
                if not isinstance(each, Publication)
            ],
        )

    def append(self, publication: Publication, *, copied_from_ms: int | None = None) -> int:
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
        key = f"{publication.name}/{publication.id}".encode()
        answers: list[tuple[Any, Any]] = []
        timeout_ms = int(self._timeout_s * 1000)
        client = connector(self._connection, {"log_level": 0, "message.timeout.ms": timeout_ms})()
        try:
            client.produce(self._reader.topic, value, key, on_delivery=lambda *answer: answers.append(answer))
            client.flush(self._timeout_s + 1)
        except KafkaException as error:
            answers = [(error.args[0], None)]
        if not answers or answers[0][0] is not None:
            reason = answers[0][0].str() if answers else "no answer in time"
            raise ServiceUnavailableError(
                f"Kafka did not take the publication ({reason}); see `plaudit models list` before another try"
            )
        kind, timestamp = answers[0][1].timestamp()
        if kind != TIMESTAMP_LOG_APPEND_TIME:
            raise TopicError(
                f"{self._reader.topic} does not give its records the broker's time; set "
                "message.timestamp.type=LogAppendTime and publish again"
            )
        return int(timestamp)

    def _read_one(self, record: KafkaRecord) -> Publication | str:
        """A record's publication, or why it cannot be read."""
        try:
            return publication_of(self._decoder.decode(record.value or b""), record.timestamp)
        except (CodecError, ValueError) as error:
            return str(error)
