"""Reads the metric snapshots from Kafka into a board."""

import time
from uuid import uuid4

from confluent_kafka import Consumer, KafkaException, TopicPartition
from plaudit_schemas.codec import Decoder
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import CodecError, ServiceUnavailableError, TopicError
from plaudit_schemas.topics import METRICS
from plaudit_schemas.topics.admin import admin_of, live_partitions

from plaudit_producers.board.board import Board
from plaudit_producers.board.snapshots import from_record

PAST_S = 3 * 3600
_ANSWER_S = 5.0
_TOPIC_S = 15.0


class SnapshotFeed:
    """A consumer of `plaudit.feedback-metrics` without a group: every reader sees everything.

    It starts some hours back: what compaction has left of them is the board's past. An answer that
    does not come is no error: Kafka's client tries again by itself, and the board's age tells.
    """

    def __init__(self, connection: ConnectionSettings, past_s: float = PAST_S) -> None:
        self._connection, self._past_s = connection, past_s
        self._decoder = Decoder("metric_snapshot", connection.schemas())
        self._consumer: Consumer | None = None
        self._deadline = time.monotonic() + _TOPIC_S

    def poll(self, board: Board, timeout_s: float = 0.2) -> int:
        """Move what has come into the board; how many snapshots. Blocks up to `timeout_s`.

        Raises:
            TopicError: the topic does not exist, and did not for some time.
        """
        taken = 0
        try:
            consumer = self._consumer or self._connect()
            messages = consumer.consume(2000, timeout_s) if consumer else []
        except (KafkaException, ServiceUnavailableError):
            messages = []
        if self._consumer is None:
            time.sleep(timeout_s)
        for message in messages:
            value = message.value()
            if message.error() is not None or value is None:
                continue
            try:
                board.take(from_record(self._decoder.decode(value)))
            except CodecError:
                continue  # a newer writer's; readers are upgraded first, so this does not last
            taken += 1
        return taken

    def close(self) -> None:
        """Leave Kafka."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def _connect(self) -> Consumer | None:
        topic = self._connection.topic_prefix + METRICS
        live = live_partitions(admin_of(self._connection), self._connection, timeout_s=_ANSWER_S)
        if topic not in live:
            if time.monotonic() < self._deadline:
                return None  # a new topic is not known to every broker at once
            raise TopicError(f"the topic {topic} does not exist; run `plaudit topics create`")
        consumer = Consumer(
            self._connection.kafka(
                **{"group.id": f"board-{uuid4().hex}", "enable.auto.commit": False, "log_level": 0}
            )
        )
        since_ms = int((time.time() - self._past_s) * 1000)
        wanted = [TopicPartition(topic, partition, since_ms) for partition in range(live[topic])]
        found = consumer.offsets_for_times(wanted, timeout=_ANSWER_S)
        if any(place.error for place in found):
            consumer.close()
            return None
        consumer.assign(found)
        self._consumer = consumer
        return consumer
