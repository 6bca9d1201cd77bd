"""Reading the dead letters, and sending them again to where they were refused."""

import time
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.dead_letters import Reason, Refusal
from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.topics import DEAD_LETTERS
from plaudit_schemas.topics.admin import live_partitions

_DEADLINE_S = 60.0


class DeadLetter(NamedTuple):
    """One refused record: where its letter lies, why it was refused, and the record as it came."""

    partition: int
    offset: int
    refusal: Refusal
    key: bytes | None
    value: bytes | None


class Wanted(NamedTuple):
    """Which letters: of these reasons (all for none), refused records that arrived at or after a time."""

    reasons: frozenset[Reason] = frozenset()
    since_ms: int = 0

    def holds(self, refusal: Refusal) -> bool:
        """Whether a letter is one of them."""
        return (not self.reasons or refusal.reason in self.reasons) and refusal.timestamp_ms >= self.since_ms


def read(connection: ConnectionSettings, wanted: Wanted) -> Iterator[DeadLetter]:
    """The letters that are there now, each partition in its order.

    Raises:
        TopicError: the topic does not exist.
        ServiceUnavailableError: Kafka does not answer.
    """
    name = connection.topic_prefix + DEAD_LETTERS
    partitions = live_partitions(AdminClient(connection.kafka(log_level=0)), connection)
    if name not in partitions:
        raise TopicError(f"the topic {name} does not exist; run `plaudit topics create`")
    consumer = Consumer(
        connection.kafka(**{"group.id": f"plaudit-letters-{uuid.uuid4().hex}", "log_level": 0})
    )
    try:
        for partition in range(partitions[name]):
            for message in _read_partition(consumer, TopicPartition(name, partition)):
                refusal = Refusal.from_headers(message.headers())
                if wanted.holds(refusal):
                    yield DeadLetter(partition, message.offset(), refusal, message.key(), message.value())
    finally:
        consumer.close()


def _read_partition(consumer: Consumer, place: TopicPartition) -> Iterator[Any]:
    position, end = consumer.get_watermark_offsets(place, timeout=_DEADLINE_S)
    consumer.assign([TopicPartition(place.topic, place.partition, position)])
    deadline = time.monotonic() + _DEADLINE_S
    while position < end:
        messages: list[Any] = consumer.consume(1000, timeout=1.0)
        for message in messages:
            if message.error() is None and message.offset() < end:
                yield message
        reached: int = consumer.position([place])[0].offset or 0
        if reached > position:
            position, deadline = reached, time.monotonic() + _DEADLINE_S
        elif time.monotonic() > deadline:
            raise ServiceUnavailableError(f"Kafka stopped answering at offset {position} of {place.topic}")


def send_again(connection: ConnectionSettings, letters: Iterable[DeadLetter]) -> int:
    """Produce the records as they came, to the partition that they came from; how many were acknowledged.

    What was folded already is dropped by its event id; what is still refused becomes a new letter.

    Raises:
        ServiceUnavailableError: Kafka did not acknowledge all of them; sending again is harmless.
    """
    failed: list[str] = []
    sent = 0

    def note(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(error.str())

    producer = Producer(connection.kafka(**{"enable.idempotence": True, "log_level": 0}))
    for letter in letters:
        producer.produce(
            letter.refusal.topic, letter.value, letter.key, letter.refusal.partition, on_delivery=note
        )
        producer.poll(0)
        sent += 1
    left = producer.flush(_DEADLINE_S)
    if failed or left:
        raise ServiceUnavailableError(
            f"{len(failed) + left} of {sent} records were not acknowledged"
            f"{': ' + failed[0] if failed else ''}; send them again"
        )
    return sent


def document(letter: DeadLetter) -> dict[str, Any]:
    """A letter as one JSON object; the record's bytes as hexadecimal text."""
    refusal = letter.refusal
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "reason": refusal.reason,
        "detail": refusal.detail,
        "topic": refusal.topic,
        "source_partition": refusal.partition,
        "source_offset": refusal.offset,
        "schema_id": refusal.schema_id,
        "arrived_at": _time(refusal),
        "key": None if letter.key is None else letter.key.decode(errors="replace"),
        "value": None if letter.value is None else letter.value.hex(),
    }


def line(letter: DeadLetter) -> str:
    """A letter for a person."""
    refusal = letter.refusal
    key = "no key" if letter.key is None else repr(letter.key.decode(errors="replace"))
    place = f"{refusal.topic} {refusal.partition}@{refusal.offset}"
    return f"{_time(refusal)}  {refusal.reason:<15} {place}  {key}  {refusal.detail}"


def _time(refusal: Refusal) -> str:
    return datetime.fromtimestamp(refusal.timestamp_ms / 1000, UTC).isoformat(timespec="milliseconds")
