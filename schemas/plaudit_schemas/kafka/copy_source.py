"""Reads the log that is copied: all partitions at once, in the order in which the broker took the records."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.merging import ArrivalMerge
from plaudit_schemas.kafka.reader import log_bounds
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options

_ANSWER_S: Final = 60.0
_AT_ONCE: Final = 1000
_HELD_BYTES: Final = 1 << 20  # of each partition, before its fetches pause
_OPTIONS: Final = {
    "enable.auto.commit": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "queued.max.messages.kbytes": 1 << 10,
    "log_level": 0,
}


class CopySource:
    """One topic, read from positions that are committed with what became of the records.

    Attributes:
        positions: partition -> the next offset that was not given out.
    """

    def __init__(self, connection: ConnectionSettings, topic: str, group: str, partitions: int) -> None:
        """`topic` has its prefix. The positions are those of the consumer group `group`."""
        self._topic = topic
        with refused_options():
            self._consumer: Any = Consumer(connection.kafka(**{**_OPTIONS, "group.id": group}))
        self._numbers = range(partitions)
        self.positions: dict[int, int] = {}

    def close(self) -> None:
        self._consumer.close()

    def load_positions(self) -> bool:
        """Take the committed positions, or the log's start. Returns whether there were committed ones.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        places = [TopicPartition(self._topic, number) for number in self._numbers]
        try:
            committed = self._consumer.committed(places, timeout=_ANSWER_S)
        except KafkaException as error:
            raise ServiceUnavailableError(f"Kafka does not answer: {error.args[0].str()}") from None
        known = {place.partition: place.offset for place in committed if place.offset >= 0}
        self.positions = {number: known.get(number, self._bounds(number)[0]) for number in self._numbers}
        return bool(known)

    def ends(self) -> dict[int, int]:
        """Partition -> the offset after its last record.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        return {number: self._bounds(number)[1] for number in self._numbers}

    def records(self, ends: Mapping[int, int]) -> Iterator[Any]:
        """The messages before these ends, merged by arrival. Each moves its partition's position.

        Raises:
            ServiceUnavailableError: Kafka stopped answering, or has deleted what comes next.
        """
        merge = ArrivalMerge(list(self._numbers))
        fetched = dict(self.positions)
        self._consumer.assign([TopicPartition(self._topic, *place) for place in fetched.items()])
        self._end_reached(merge, fetched, ends)
        deadline = time.monotonic() + _ANSWER_S
        while not merge.is_done:
            self._pause_full(merge)
            for message in self._consumer.consume(_AT_ONCE, timeout=1.0):
                deadline = time.monotonic() + _ANSWER_S
                self._take(message, merge, fetched, ends)
            self._end_reached(merge, fetched, ends)
            for message in merge.take():
                deadline = time.monotonic() + _ANSWER_S
                self.positions[message.partition()] = message.offset() + 1
                yield message
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(
                    f"Kafka stopped answering for {self._topic}; run the copy again"
                )
        self.positions = {number: max(self.positions[number], ends[number]) for number in self._numbers}

    def group_metadata(self) -> Any:
        """What a transaction needs to commit the positions."""
        return self._consumer.consumer_group_metadata()

    def places(self) -> list[TopicPartition]:
        """The positions as librdkafka takes them."""
        return [TopicPartition(self._topic, *place) for place in self.positions.items()]

    def _take(
        self, message: Any, merge: ArrivalMerge, fetched: dict[int, int], ends: Mapping[int, int]
    ) -> None:
        error, number = message.error(), message.partition()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  # a public code despite its name
                fetched[number] = max(fetched[number], message.offset())
            elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001  # likewise
                raise ServiceUnavailableError(
                    f"Kafka has deleted offset {fetched[number]} of {self._topic} {number} unread; "
                    "delete the new topics and begin anew"
                )
            elif error.fatal() or not error.retriable():
                raise ServiceUnavailableError(f"{self._topic} cannot be read: {error.str()}")
            return
        if message.offset() < ends[number]:
            size = len(message.value() or b"") + len(message.key() or b"")
            merge.add(number, message.timestamp()[1], size, message)
        fetched[number] = max(fetched[number], message.offset() + 1)

    def _end_reached(self, merge: ArrivalMerge, fetched: Mapping[int, int], ends: Mapping[int, int]) -> None:
        for number in self._numbers:
            if fetched[number] >= ends[number]:
                merge.end(number)

    def _pause_full(self, merge: ArrivalMerge) -> None:
        full = {number for number in self._numbers if merge.held_bytes(number) > _HELD_BYTES}
        for call, numbers in (
            (self._consumer.pause, full),
            (self._consumer.resume, set(self._numbers) - full),
        ):
            if numbers:
                call([TopicPartition(self._topic, number) for number in numbers])

    def _bounds(self, number: int) -> tuple[int, int]:
        return log_bounds(self._consumer, self._topic, number, _ANSWER_S)
