"""Reading a partition of a topic up to an end, without a group's offsets."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.topics.admin import live_partitions

_DEADLINE_S = 60.0


def partitions_of(connection: ConnectionSettings, topic: str) -> int:
    """How many partitions a topic has; `topic` is its full name.

    Raises:
        TopicError: it does not exist.
        ServiceUnavailableError: Kafka does not answer.
    """
    partitions = live_partitions(AdminClient(connection.kafka(log_level=0)), connection)
    if topic not in partitions:
        raise TopicError(f"the topic {topic} does not exist; run `plaudit topics create`")
    return partitions[topic]


@contextmanager
def reader(connection: ConnectionSettings) -> Iterator[Consumer]:
    """A consumer that is assigned partitions by hand and commits nothing."""
    group = f"plaudit-read-{uuid.uuid4().hex}"
    options = {"group.id": group, "enable.auto.commit": False, "log_level": 0}
    consumer = Consumer(connection.kafka(**options))
    try:
        yield consumer
    finally:
        consumer.close()


def read_partition(consumer: Consumer, place: TopicPartition, last: int | None = None) -> Iterator[Any]:
    """The messages that a partition holds now, or up to the offset `last`, in their order.

    The consumer's position tells the end: a log may end in transaction markers, which no message shows.

    Raises:
        ServiceUnavailableError: Kafka stopped answering.
    """
    position, end = consumer.get_watermark_offsets(place, timeout=_DEADLINE_S)
    if last is not None:
        end = min(end, last + 1)
    consumer.assign([TopicPartition(place.topic, place.partition, position)])
    deadline = time.monotonic() + _DEADLINE_S
    while position < end:
        messages: list[Any] = consumer.consume(5000, timeout=1.0)
        yield from (message for message in messages if message.error() is None and message.offset() < end)
        reached: int = consumer.position([place])[0].offset or 0
        if reached > position:
            position, deadline = reached, time.monotonic() + _DEADLINE_S
        elif time.monotonic() > deadline:
            raise ServiceUnavailableError(
                f"Kafka stopped answering at offset {position} of {place.topic} {place.partition}"
            )
