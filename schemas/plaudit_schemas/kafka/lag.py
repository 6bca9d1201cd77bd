"""How far a consumer group is behind the events, as its committed offsets tell."""

from typing import Final, NamedTuple

from confluent_kafka import Consumer, IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AdminClient,
    OffsetSpec,
)

from plaudit_schemas.errors import PlauditError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

_ANSWER_S: Final = 5.0
WORKER_GROUP: Final = "plaudit-worker"
"""The workers' consumer group, where the settings name no other; the topic prefix goes before it."""


class Lag(NamedTuple):
    """Events in the log since its start, and how many of them are not folded yet."""

    events: int
    waiting: int


class LagReader:
    """Asks Kafka for the ends of the events topic and for what the workers' group has committed.

    The committed offsets are a hint for those who watch: they are a second behind the positions in Redis,
    which are what counts. Not for use by several threads.
    """

    def __init__(self, connection: ConnectionSettings, group: str = WORKER_GROUP) -> None:
        self._connection, self._group = connection, connection.topic_prefix + group
        self._admin: AdminClient | None = None
        self._consumer: Consumer | None = None
        self._places: list[TopicPartition] = []

    def read(self) -> Lag | None:
        """The lag now; None where Kafka does not answer. Blocks for some seconds at most."""
        try:
            if self._admin is None or self._consumer is None:
                self._connect()
            if self._admin is None or self._consumer is None:
                return None
            ends = self._ends(self._admin)
            committed = self._consumer.committed(self._places, timeout=_ANSWER_S)
        except (KafkaException, PlauditError):
            self.close()  # the next call asks anew: the broker may have come back as another
            return None
        done = {place.partition: max(0, place.offset) for place in committed}
        waiting = sum(max(0, end - done.get(partition, 0)) for partition, end in ends.items())
        return Lag(sum(ends.values()), waiting)

    def close(self) -> None:
        """Leave Kafka."""
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
            # It joins no group: that takes a subscription. The administration's own call for a group's
            # offsets crashed librdkafka 2.16 where the group's coordinator was not there yet.
            self._consumer = Consumer(self._connection.kafka(**{"group.id": self._group, "log_level": 0}))

    def _ends(self, admin: AdminClient) -> dict[int, int]:
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # not annotated
        asked = admin.list_offsets(
            dict.fromkeys(self._places, latest),
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=_ANSWER_S,
        )
        return {place.partition: future.result().offset for place, future in asked.items()}
