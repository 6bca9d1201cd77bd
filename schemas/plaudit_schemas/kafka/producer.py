"""librdkafka's producer as all of ours are: idempotent, acknowledged by all replicas, Java's partitioner."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from plaudit_schemas.contract.keys import PARTITIONER
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings.connection import ConnectionSettings

Report = Callable[[KafkaError | None, Message], None]
"""Called for each record once Kafka has taken or refused it, by whoever polls."""

_PROMISED: Final = {"partitioner": PARTITIONER, "enable.idempotence": "true", "acks": "all"}
_REFUSED: Final = (
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_RECORD,
)


class ProducerClient(Protocol):
    """What is used of confluent-kafka's Producer."""

    def produce(self, topic: str, value: bytes | None, key: bytes | None, **options: Any) -> None: ...
    def poll(self, timeout: float) -> int: ...
    def flush(self, timeout: float) -> int: ...
    def purge(self) -> None: ...
    def __len__(self) -> int: ...


Connect = Callable[[], ProducerClient]


class FatalClientError(KafkaException):
    """librdkafka's idempotent producer has given up for good; a new client is needed."""


def connector(
    connection: ConnectionSettings, options: Mapping[str, Any], logger: logging.Logger | None = None
) -> Connect:
    """A function that makes clients; it does not wait for Kafka. The user's options go over `options`.

    The function raises SettingsError where librdkafka refuses the settings, or where they break a promise.
    """

    def connect() -> ProducerClient:
        given = connection.kafka()
        for name, promised in _PROMISED.items():
            if str(given.get(name, promised)).lower() != promised:
                raise SettingsError(
                    f"PLAUDIT_KAFKA_OPTIONS: {name} must be {promised}, as every producer promises it"
                )
        settings = {**options, **given, **_PROMISED}
        log: dict[str, Any] = {} if logger is None else {"logger": logger}
        try:
            client: Any = Producer(settings, **log)
        except (KafkaException, ValueError, TypeError) as error:
            raise SettingsError(f"librdkafka refuses PLAUDIT_KAFKA_OPTIONS: {error}") from None
        made: ProducerClient = client
        return made

    return connect


def is_refused(error: KafkaError) -> bool:
    """Whether the record itself is the reason: sending it again would fail again."""
    return error.code() in _REFUSED


def is_fatal(error: KafkaError) -> bool:
    """Whether the client has given up for good."""
    # Only what `poll` and `flush` raise says fatal(): `produce` raises the bare code.
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001  # its public name


def produce_when_room(producer: Any, *record: Any, **options: Any) -> None:
    """`Producer.produce`, which waits while the producer's queue is full and serves its reports.

    Raises:
        confluent_kafka.KafkaException: librdkafka does not take the record.
    """
    while True:
        try:
            producer.produce(*record, **options)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return
