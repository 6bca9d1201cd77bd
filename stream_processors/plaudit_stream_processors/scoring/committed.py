"""The scorer's positions: the offsets that its group has committed in Kafka."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from confluent_kafka import Consumer, KafkaException, TopicPartition
from faust.types import TP
from plaudit_schemas.kafka.groups import ask_again
from plaudit_schemas.kafka.offset_notes import note_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options

_ANSWER_S: Final = 5.0


class CommittedOffsets:
    """Reads the group's offsets of a topic. Offsets of an earlier topic of the same name do not count.

    The transport commits an offset once all before it is acknowledged, with the topic's id as its note.
    """

    def __init__(self, connection: ConnectionSettings, group: str, topic_id: str) -> None:
        """Does not wait for Kafka.

        Args:
            group: with the topic prefix.
            topic_id: empty if the broker has no topic ids.
        """
        # Without a subscription it does not join the group.
        with refused_options():
            self._consumer: Any = Consumer(connection.kafka(**{"group.id": group, "log_level": 0}))
        self._topic_id = topic_id

    def read(self, partitions: Iterable[TP]) -> dict[TP, int | None]:
        """The committed offset of each partition; None where there is none. Blocks for some seconds.

        Raises:
            ServiceUnavailableError: Kafka does not answer.
        """
        places = [TopicPartition(tp.topic, tp.partition) for tp in partitions]
        if not places:
            return {}
        found = ask_again(lambda: self._ask(places), "return the scorer's offsets")
        return {TP(place.topic, place.partition): self._offset_of(place) for place in found}

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._consumer.close()

    def _ask(self, places: Sequence[TopicPartition]) -> list[Any]:
        found: list[Any] = self._consumer.committed(places, timeout=_ANSWER_S)
        failed = next((place.error for place in found if place.error), None)
        if failed is not None:  # without an offset, and yet there may be one
            raise KafkaException(failed)
        return found

    def _offset_of(self, place: Any) -> int | None:
        note = note_of(place)
        foreign = note and self._topic_id and note != self._topic_id
        return None if place.offset < 0 or foreign else int(place.offset)
