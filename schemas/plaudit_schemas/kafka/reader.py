"""Read a topic by offsets, outside any consumer group. Nothing is committed."""

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

from confluent_kafka import OFFSET_END, Consumer, KafkaError, KafkaException, TopicPartition

from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.asking import ask_again
from plaudit_schemas.kafka.closing import ClosedByWith
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options
from plaudit_schemas.topics.admin_client import refuse_if_shut_out

_DEADLINE_S: Final = 60.0
_AT_ONCE: Final = 2000
_POLL_S: Final = 1.0
_AWAY: Final = "Kafka does not answer ({}); check PLAUDIT_BOOTSTRAP_SERVERS"
_OPTIONS: Final = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,  # ends `records` where the last offsets hold only transaction markers
    "isolation.level": "read_committed",  # as the workers read
    "queued.max.messages.kbytes": 16 << 10,
    "fetch.wait.max.ms": 20,  # requests queue behind a fetch that waits at the end of a partition
    "log_level": 0,
}


def log_bounds(consumer: Any, topic: str, partition: int, timeout_s: float) -> tuple[int, int]:
    """The first offset of a partition, and the offset after its last record.

    Asks again while the partition has no leader or is not known, as for a moment after a broker's start. So
    a partition that does not exist is refused after `timeout_s` only.

    Args:
        topic: with the topic prefix.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
    """
    place = TopicPartition(topic, partition)
    try:
        low, high = ask_again(
            consumer, topic, lambda left_s: consumer.get_watermark_offsets(place, timeout=left_s), timeout_s
        )
    except KafkaException as error:
        raise ServiceUnavailableError(
            f"Kafka did not return the offsets of {topic} {partition}: {error.args[0].str()}"
        ) from None
    return int(low), int(high)


class TopicReader(ClosedByWith):
    """Reads ranges of one topic's partitions (`records`), or follows their ends (`follow`, `poll`).

    Not thread-safe.
    """

    def __init__(self, connection: ConnectionSettings, topic: str, *, timeout_s: float = _DEADLINE_S) -> None:
        """Does not wait for Kafka.

        Args:
            topic: without the topic prefix.
            timeout_s: how long Kafka may stay silent before a call raises ServiceUnavailableError.

        Raises:
            SettingsError: librdkafka refuses an option.
        """
        self.topic = connection.topic_prefix + topic
        self._connection = connection
        self._timeout_s = timeout_s
        options = connection.kafka(**{**_OPTIONS, "group.id": f"plaudit-read-{uuid.uuid4().hex}"})
        with refused_options():
            self._consumer: Any = Consumer(options)
        # The partition and offset that the consumer stands at. If `records` goes on there, it need not
        # assign again, and what is already fetched is kept.
        self._place: tuple[int, int] | None = None

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._consumer.close()

    def partitions(self) -> list[int]:
        """The numbers of the topic's partitions, sorted.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
            AccessError: Kafka does not let us in.
            TopicError: the topic does not exist, or Kafka does not allow reading it.
        """
        try:
            found = self._consumer.list_topics(self.topic, timeout=self._timeout_s).topics[self.topic]
        except KafkaException as error:
            refuse_if_shut_out(self._connection)
            raise ServiceUnavailableError(_AWAY.format(error.args[0].str())) from None
        if found.error is not None:
            self._refuse_forbidden(found.error)
            raise TopicError(f"the topic {self.topic} does not exist; run `plaudit topics create`")
        return sorted(found.partitions)

    def ends(self, partition: int) -> tuple[int, int]:
        """The first offset of a partition, and the offset after its last record.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        return log_bounds(self._consumer, self.topic, partition, self._timeout_s)

    def first_since(self, partition: int, since_ms: int) -> int:
        """The offset of the first record that arrived since a time; the partition's end if there is none.

        Args:
            since_ms: milliseconds since 1970.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        (place,) = self._places_since([partition], since_ms)
        return int(place.offset) if place.offset >= 0 else self.ends(partition)[1]

    def records(self, partition: int, first: int, end: int) -> Iterator[KafkaRecord]:
        """The records with offsets from `first` to `end` - 1. Some of these offsets may have no record.

        Raises:
            ServiceUnavailableError: Kafka stopped answering, or the partition cannot be read.
            TopicError: Kafka does not allow reading it.
        """
        if first >= end:
            return
        if self._place != (partition, first):
            self._consumer.assign([TopicPartition(self.topic, partition, first)])
        self._place = None  # unknown until the range is read to its end
        deadline = time.monotonic() + self._timeout_s
        position = first
        while position < end:
            messages = self._consumer.consume(min(_AT_ONCE, end - position), timeout=_POLL_S)
            if messages:
                deadline = time.monotonic() + self._timeout_s
            elif time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"Kafka stopped answering at offset {position} of {self.topic} {partition}"
                )
            for message in messages:
                if message.error() is not None:
                    position = max(position, self._end_of(message))
                    continue
                position = message.offset() + 1
                if position > end:
                    return
                yield KafkaRecord.of(message)
        self._place = partition, position

    def follow(self, partitions: Sequence[int], since_ms: int | None = None) -> None:
        """Make `poll` return the records of these partitions from now on.

        Args:
            since_ms: start with the records that arrived at or after this time, in milliseconds since 1970.

        Raises:
            ServiceUnavailableError: Kafka did not return the offsets for that time.
        """
        places = [TopicPartition(self.topic, number, OFFSET_END) for number in partitions]
        if since_ms is not None:
            places = self._places_since(partitions, since_ms)
        self._place = None
        self._consumer.assign(places)

    def poll(self, at_most: int, timeout_s: float) -> list[KafkaRecord]:
        """New records of the followed partitions, at most `at_most`. Waits up to `timeout_s` for them.

        Empty while Kafka does not answer; the client reconnects by itself.
        """
        messages = self._consumer.consume(at_most, timeout_s)
        return [KafkaRecord.of(message) for message in messages if message.error() is None]

    def _places_since(self, partitions: Sequence[int], since_ms: int) -> list[TopicPartition]:
        wanted = [TopicPartition(self.topic, number, since_ms) for number in partitions]

        def ask(left_s: float) -> list[TopicPartition]:
            places: list[TopicPartition] = self._consumer.offsets_for_times(wanted, timeout=left_s)
            for place in places:
                if place.error:
                    raise KafkaException(place.error)
            return places

        try:
            return ask_again(self._consumer, self.topic, ask, self._timeout_s)
        except KafkaException as error:
            raise ServiceUnavailableError(_AWAY.format(error.args[0].str())) from None

    def _end_of(self, message: Any) -> int:
        """The end offset from an end-of-partition message. 0 for an error that the client retries itself.

        Raises:
            ServiceUnavailableError: the partition cannot be read.
            TopicError: Kafka does not allow reading it.
        """
        error = message.error()
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # a public code despite its name
            return int(message.offset())
        self._refuse_forbidden(error)
        if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
            return 0  # the client asks for its group, which nothing here needs
        if error.fatal() or not error.retriable():
            raise ServiceUnavailableError(f"{self.topic} cannot be read: {error.str()}")
        return 0

    def _refuse_forbidden(self, error: KafkaError) -> None:
        """Tell a missing right from a missing topic.

        Raises:
            TopicError: the right is missing.
        """
        if error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
            raise TopicError(
                f"Kafka does not allow reading {self.topic}; grant what docs/secured-servers.md names"
            )
