"""How far dead letters were sent again, recorded in Kafka as the offsets of a consumer group.

A group's offsets lie where the topic lies: they outlive Redis, and Kafka deletes them with the topic. One
group serves all reasons. Each reason has its own offset, in the metadata of the commit.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from plaudit_schemas.contract.reasons import Reason
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.offset_notes import ended, note_of
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options
from plaudit_schemas.topics import DEAD_LETTERS

RESENT_GROUP: Final = "plaudit-resent-letters"
"""The group, without the topic prefix."""

RESENDABLE: Final[tuple[Reason, ...]] = ("wrong_partition", "unknown_schema", "unknown_body")
"""The reasons that go away: once their cause is mended, such a letter is sent again and folded."""

Resent = Mapping[Reason, int]
"""Reason -> the first offset of a partition whose letters of that reason were not sent again."""

_ANSWER_S: Final = 10.0


class ResentLetters:
    """Reads and records how far letters were sent again. It is in the group, but never takes a partition."""

    def __init__(self, connection: ConnectionSettings) -> None:
        """Does not wait for Kafka."""
        self._topic = connection.topic_prefix + DEAD_LETTERS
        options = {
            "group.id": connection.topic_prefix + RESENT_GROUP,
            "enable.auto.commit": False,
            "log_level": 0,
        }
        with refused_options():
            self._consumer = Consumer(connection.kafka(**options))

    def read(self, partitions: Iterable[int]) -> dict[int, Resent]:
        """Partition -> what was sent again of it.

        Raises:
            ServiceUnavailableError: Kafka does not answer, or does not allow it.
        """
        places = [TopicPartition(self._topic, partition) for partition in partitions]
        try:
            committed = self._consumer.committed(places, timeout=_ANSWER_S)
        except KafkaException as error:
            raise ServiceUnavailableError(
                f"Kafka did not return the offsets of {RESENT_GROUP}: {error.args[0].str()}"
            ) from None
        return {place.partition: _parse(note_of(place)) for place in committed}

    def record(self, sent: Mapping[int, Resent]) -> None:
        """Record that the letters before these offsets were sent again. No offset goes back.

        Raises:
            ServiceUnavailableError: Kafka does not answer, or does not allow it.
        """
        if not sent:
            return
        known, places = self.read(sent), []
        for partition, offsets in sent.items():
            merged = dict(known[partition])
            for reason, offset in offsets.items():
                merged[reason] = max(offset, merged.get(reason, 0))
            text = ",".join(f"{reason}:{offset}" for reason, offset in merged.items())
            places.append(TopicPartition(self._topic, partition, max(merged.values()), ended(text)))
        try:
            self._consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            raise ServiceUnavailableError(
                f"Kafka did not take the offsets of {RESENT_GROUP}: {error.args[0].str()}"
            ) from None

    def close(self) -> None:
        """Close the connections to Kafka."""
        self._consumer.close()


def _parse(text: str) -> dict[Reason, int]:
    found: dict[Reason, int] = {}
    for part in text.split(","):
        name, _, offset = part.partition(":")
        for reason in RESENDABLE:
            if reason == name and offset.isdigit():
                found[reason] = int(offset)
    return found
