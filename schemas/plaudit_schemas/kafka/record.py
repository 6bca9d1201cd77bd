"""The Kafka records that members read and send."""

from collections.abc import Sequence
from typing import Any, NamedTuple

Headers = list[tuple[str, bytes | None]]


class KafkaRecord(NamedTuple):
    """A record that was read. aiokafka's records have the same attributes, so they can be used instead.

    Attributes:
        timestamp: when the broker appended the record, in milliseconds since 1970.
    """

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()

    @classmethod
    def of(cls, message: Any) -> "KafkaRecord":
        """Convert a confluent-kafka message. Its `error()` must be None."""
        return cls(
            message.partition(),
            message.offset(),
            message.timestamp()[1],
            message.key(),
            message.value(),
            message.headers() or (),
        )


class ProducerRecord(NamedTuple):
    """A record to send. If `partition` is None, the key determines it."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Headers | None = None
