"""How far the workers are behind the log, as the consumer group tells."""

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AdminClient,
    OffsetSpec,
)
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

_ANSWER_S = 5.0
WORKER_GROUP = "plaudit-worker"


class LagReader:
    """Asks Kafka for the ends of the events topic and for what the workers' group has committed.

    The committed offsets are the workers' hint for those who watch: they are a second behind the
    positions in Redis, which are what counts.
    """

    def __init__(self, connection: ConnectionSettings, group: str = WORKER_GROUP) -> None:
        self._connection, self._group = connection, connection.topic_prefix + group
        self._admin: AdminClient | None = None
        self._places: list[TopicPartition] = []

    def read(self) -> tuple[int, int] | None:
        """Events in the log since its start, and how many of them wait; None where Kafka does not answer.

        Blocks for some seconds at most.
        """
        try:
            admin = self._admin or self._connect()
            latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]  # not annotated
            wanted = dict.fromkeys(self._places, latest)
            isolation = IsolationLevel.READ_UNCOMMITTED
            asked = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_ANSWER_S)
            ends = {place.partition: future.result().offset for place, future in asked.items()}
            committed = self._committed(admin)
        except (KafkaException, PlauditError):
            return None
        waiting = sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())
        return sum(ends.values()), waiting

    def _connect(self) -> AdminClient:
        admin = admin_of(self._connection)
        topic = self._connection.topic_prefix + EVENTS
        count = live_partitions(admin, self._connection, timeout_s=_ANSWER_S).get(topic, 0)
        self._places = [TopicPartition(topic, partition) for partition in range(count)]
        self._admin = admin if count else None
        return admin

    def _committed(self, admin: AdminClient) -> dict[int, int]:
        asked = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self._group)], request_timeout=_ANSWER_S
        )
        places = asked[self._group].result().topic_partitions or []
        topic = self._connection.topic_prefix + EVENTS
        return {place.partition: max(0, place.offset) for place in places if place.topic == topic}
