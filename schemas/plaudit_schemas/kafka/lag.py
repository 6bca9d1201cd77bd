"""The lag of a consumer group on the events topic, computed from its committed offsets."""

from typing import Final, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AdminClient,
    OffsetSpec,
)

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.kafka.asking import listed_offsets
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

_ANSWER_S: Final = 5.0
WORKER_GROUP: Final = "plaudit-worker"
"""The default consumer group of the workers, without the topic prefix."""


class Lag(NamedTuple):
    """The lag of all partitions together.

    Attributes:
        events: all that were ever written, the deleted ones included.
        waiting: how many of them the workers have not committed yet.
    """

    events: int
    waiting: int


class LagReader:
    """Reads the end offsets of the events topic and the committed offsets of the workers' group.

    The committed offsets are for monitoring only: they trail the positions in Redis by about a second, and
    the workers go by the positions in Redis. Not thread-safe.
    """

    def __init__(self, connection: ConnectionSettings, group: str = WORKER_GROUP) -> None:
        self._connection, self._group = connection, connection.topic_prefix + group
        self._admin: AdminClient | None = None
        self._consumer: Consumer | None = None
        self._places: list[TopicPartition] = []

    def read(self) -> Lag | None:
        """The lag now. None if Kafka does not answer or the topic is missing. Blocks for some seconds."""
        try:
            if self._admin is None or self._consumer is None:
                self._connect()
            if self._admin is None or self._consumer is None:
                return None
            ends = self._offsets(self._admin, OffsetSpec.latest())  # type: ignore[no-untyped-call]  # not annotated
            committed = self._consumer.committed(self._places, timeout=_ANSWER_S)
            # Without a committed offset librdkafka gives OFFSET_INVALID, which is negative.
            done = {place.partition: place.offset for place in committed if place.offset >= 0}
            if len(done) < len(ends):  # of those, what Kafka has deleted waits for nobody
                first = self._offsets(self._admin, OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # as above
                done = {**first, **done}
        except (KafkaException, TimeoutError, PlauditError):
            self.close()  # the next call connects again: the broker may be back as a new one
            return None
        waiting = sum(max(0, end - done[partition]) for partition, end in ends.items())
        return Lag(sum(ends.values()), waiting)

    def close(self) -> None:
        """Close the connections to Kafka."""
        if self._consumer is not None:
            self._consumer.close()
        self._admin = self._consumer = None

    def _connect(self) -> None:
        admin = admin_of(self._connection)
        topic = self._connection.topic_prefix + EVENTS
        count = live_partitions(admin, self._connection, timeout_s=_ANSWER_S).get(topic, 0)
        if count:
            self._places = [TopicPartition(topic, partition) for partition in range(count)]
            self._admin = admin
            # A consumer without a subscription reads the group's offsets but does not join the group. The
            # admin API's call for them crashed librdkafka 2.16 if the group had no coordinator yet.
            with refused_options():
                self._consumer = Consumer(self._connection.kafka(**{"group.id": self._group, "log_level": 0}))

    def _offsets(self, admin: AdminClient, which: OffsetSpec) -> dict[int, int]:
        wanted = {place.partition: which for place in self._places}
        answers = listed_offsets(admin, self._connection.topic_prefix + EVENTS, wanted, _ANSWER_S)
        return {number: offset for number, (offset, _) in answers.items()}
