"""Records as they are read from Kafka and as they are sent to it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Headers = list[tuple[str, bytes]]


class KafkaRecord(NamedTuple):
    """A record that was read. aiokafka's own records have these attributes and serve as they are.

    Attributes:
        timestamp: the broker's, in milliseconds since 1970.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()

    @classmethod
    def of(cls, message: Any) -> "KafkaRecord":
        """The record of a confluent-kafka message that is no error."""
        return cls(
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            message.headers() or (),
        )


class ProducerRecord(NamedTuple):
    """A record to send; without a partition the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers | None = None
