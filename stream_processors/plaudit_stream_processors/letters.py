"""Reading the dead letters, and sending them again to where they were refused."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Producer, TopicPartition
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.dead_letters import Reason, Refusal
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.producing import produce_when_room
from plaudit_schemas.topics import DEAD_LETTERS

from plaudit_stream_processors.log import partitions_of, read_partition, reader

_DEADLINE_S = 60.0
_LARGEST_BYTES = 128 * 1024 * 1024  # the topic decides


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
    partitions = partitions_of(connection, name)
    with reader(connection) as consumer:
        for partition in range(partitions):
            for message in read_partition(consumer, TopicPartition(name, partition)):
                refusal = Refusal.from_headers(message.headers())
                if wanted.holds(refusal):
                    yield DeadLetter(partition, message.offset(), refusal, message.key(), message.value())


def send_again(connection: ConnectionSettings, letters: Iterable[DeadLetter]) -> int:
    """Produce the records as they came, to the partition that they came from; how many were acknowledged.

    What was folded already is dropped by its event id; what is still refused becomes a new letter. Letters
    without a value are left out: there is nothing in them to send.

    Raises:
        ServiceUnavailableError: Kafka did not acknowledge all of them; sending again is harmless.
    """
    failed: list[str] = []
    sent = 0

    def note(error: KafkaError | None, _message: object) -> None:
        if error is not None:
            failed.append(error.str())

    options = {"enable.idempotence": True, "message.max.bytes": _LARGEST_BYTES, "log_level": 0}
    producer = Producer(connection.kafka(**options))
    for letter in letters:
        if letter.value is None:
            continue
        place = letter.refusal
        produce_when_room(producer, place.topic, letter.value, letter.key, place.partition, on_delivery=note)
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
