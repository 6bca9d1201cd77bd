"""Reading a topic by offsets, apart from worker and sink: no group, nothing committed."""

import time
import uuid
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError, TopicError

_DEADLINE_S: Final = 60.0
_AT_ONCE: Final = 2000
_FETCH_KB: Final = 16 << 10


class Read(NamedTuple):
    """One record of a topic; the timestamp is the broker's, in milliseconds."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


class TopicReader:
    """Reads partitions of one topic, one at a time, forwards."""

    def __init__(self, connection: ConnectionSettings, topic: str) -> None:
        self.topic = connection.topic_prefix + topic
        self._consumer: Any = Consumer(
            connection.kafka(
                **{
                    "group.id": f"plaudit-audit-{uuid.uuid4().hex}",
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "isolation.level": "read_committed",  # as the worker's
                    "queued.max.messages.kbytes": _FETCH_KB,
                    "fetch.wait.max.ms": 20,  # a fetch that waits at the end would hold up the next question
                    "log_level": 0,
                }
            )
        )
        self._place: tuple[int, int] | None = None

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def partitions(self) -> list[int]:
        """The topic's partitions.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            TopicError: there is no such topic.
        """
        try:
            found = self._consumer.list_topics(self.topic, timeout=_DEADLINE_S).topics[self.topic]
        except KafkaException as error:
            raise ServiceUnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
        if found.error is not None:
            raise TopicError(f"the topic {self.topic} does not exist; run `plaudit topics create`")
        return sorted(found.partitions)

    def ends(self, partition: int) -> tuple[int, int]:
        """The first offset of a partition, and the one after its last.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        try:
            low, high = self._consumer.get_watermark_offsets(
                TopicPartition(self.topic, partition), timeout=_DEADLINE_S
            )
        except KafkaException as error:
            raise ServiceUnavailableError(
                f"Kafka did not tell the offsets of {self.topic} {partition}: {error.args[0].str()}"
            ) from None
        return int(low), int(high)

    def records(self, partition: int, first: int, end: int) -> Iterator[Read]:
        """The records from `first` up to, and without, `end`; offsets may be missing.

        Raises:
            ServiceUnavailableError: Kafka stopped answering.
        """
        if first >= end:
            return
        if self._place != (partition, first):
            self._consumer.assign([TopicPartition(self.topic, partition, first)])
        self._place = None
        deadline = time.monotonic() + _DEADLINE_S
        position = first
        while position < end:
            messages = self._consumer.consume(min(_AT_ONCE, end - position), timeout=1.0)
            if messages:
                deadline = time.monotonic() + _DEADLINE_S
            elif time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"Kafka stopped at offset {position} of {self.topic} {partition}"
                )
            for message in messages:
                if message.error() is not None:
                    position = max(position, self._end_of(message))
                    continue
                position = message.offset() + 1
                if position > end:
                    return
                yield _read(message)
        self._place = partition, position

    def _end_of(self, message: Any) -> int:
        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # the library's name of it
            return int(message.offset())
        if error.fatal() or not error.retriable():
            raise ServiceUnavailableError(f"{self.topic} cannot be read: {error.str()}")
        return 0


def _read(message: Any) -> Read:
    return Read(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        message.headers() or [],
    )
