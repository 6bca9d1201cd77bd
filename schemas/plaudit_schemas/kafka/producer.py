"""The producer client that all members use: idempotent, acks=all, and Java's default partitioner."""

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from plaudit_schemas.contract.keys import PARTITIONER
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options

Report = Callable[[KafkaError | None, Message], None]
"""Called once for each record that Kafka has taken or refused, on the thread that polls."""

# Users cannot change these: the order of a conversation's events and their durability depend on them.
_PROMISED: Final = {"partitioner": PARTITIONER, "enable.idempotence": "true", "acks": "all"}
_REFUSED: Final = (
    KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.RECORD_LIST_TOO_LARGE,
    KafkaError.INVALID_MSG_SIZE,
    KafkaError.INVALID_RECORD,
)


class ProducerClient(Protocol):
    """The methods of confluent-kafka's Producer that Plaudit uses."""

    def produce(self, topic: str, value: bytes | None, key: bytes | None, **options: Any) -> None: ...
    def poll(self, timeout: float) -> int: ...
    def flush(self, timeout: float) -> int: ...
    def purge(self) -> None: ...
    def __len__(self) -> int: ...


Connect = Callable[[], ProducerClient]


class FatalClientError(KafkaException):
    """An idempotent librdkafka producer has failed for good. Only a new client can send."""


def connector(
    connection: ConnectionSettings, options: Mapping[str, Any], logger: logging.Logger | None = None
) -> Connect:
    """A function that makes producer clients. It does not wait for Kafka.

    The function raises SettingsError if librdkafka refuses the settings, or if the user's options disable
    idempotence, acks=all or the partitioner.

    Args:
        options: librdkafka's options; the user's override them.
        logger: takes librdkafka's log; None leaves it to librdkafka.
    """

    def connect() -> ProducerClient:
        given = connection.kafka()
        for name, promised in _PROMISED.items():
            if str(given.get(name, promised)).lower() != promised:
                raise SettingsError(
                    f"PLAUDIT_KAFKA_OPTIONS: {name} must be {promised}; remove it from the options"
                )
        settings = {**options, **given, **_PROMISED}
        log: dict[str, Any] = {} if logger is None else {"logger": logger}
        with refused_options():
            client: Any = Producer(settings, **log)
        made: ProducerClient = client
        return made

    return connect


def is_refused(error: KafkaError) -> bool:
    """Whether Kafka refused the record itself, so that sending it again would fail again."""
    return error.code() in _REFUSED


def is_fatal(error: KafkaError) -> bool:
    """Whether the error means that the client has failed for good."""
    # fatal() is set on the errors of `poll` and `flush` only; `produce` raises the bare code.
    return error.fatal() or error.code() == KafkaError._FATAL  # noqa: SLF001  # public despite its name


def produce_when_room(producer: Any, *record: Any, **options: Any) -> None:
    """Call `Producer.produce`. While the producer's queue is full, serve its reports and try again.

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
