"""Follows a topic as it grows, and waits without an error while Kafka is unreachable."""

import time
from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaException
from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.settings.connection import ConnectionSettings

_ANSWER_S: Final = 5.0
_TOPIC_WITHIN_S: Final = 15.0
"""How long a topic may be missing before that is an error."""


class TopicFollower:
    """Returns records as they arrive. `poll` connects, and retries until it succeeds. Not thread-safe.

    Attributes:
        caught_up: whether all was returned that the topic held when this object connected.
    """

    def __init__(self, connection: ConnectionSettings, topic: str, past_s: float = 0.0) -> None:
        """`past_s` is how far back to begin, in seconds; 0 begins at the end of the topic."""
        self._connection, self._topic, self._past_s = connection, topic, past_s
        self._reader: TopicReader | None = None
        self._deadline = time.monotonic() + _TOPIC_WITHIN_S
        self._behind: dict[int, int] = {}  # partition -> the end of the topic at the connection

    @property
    def caught_up(self) -> bool:
        return self._reader is not None and not self._behind

    def poll(self, at_most: int, timeout_s: float) -> list[KafkaRecord]:
        """The next records; blocks for up to `timeout_s`, and some seconds longer if Kafka does not answer.

        Raises:
            TopicError: the topic has been missing for 15 s since this object was created.
        """
        try:
            if self._reader is None:
                self._connect()
            if self._reader is not None:
                return self._noted(self._reader.poll(at_most, timeout_s))
        except (KafkaException, ServiceUnavailableError):
            pass
        # Kafka may refuse at once: without a pause the caller's loop would spin.
        time.sleep(timeout_s)
        return []

    def skip_to_end(self) -> None:
        """Skip all records that have not been returned yet."""
        if self._reader is not None:
            self._reader.follow(self._reader.partitions())
            self._behind = {}

    def close(self) -> None:
        """Disconnect from Kafka; the next `poll` connects again."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _noted(self, records: list[KafkaRecord]) -> list[KafkaRecord]:
        for record in records if self._behind else ():
            if record.offset + 1 >= self._behind.get(record.partition, record.offset + 2):
                del self._behind[record.partition]
        return records

    def _connect(self) -> None:
        reader = TopicReader(self._connection, self._topic, timeout_s=_ANSWER_S)
        try:
            since_ms = int((time.time() - self._past_s) * 1000) if self._past_s else None
            partitions = reader.partitions()
            self._behind = {} if since_ms is None else _behind(reader, partitions, since_ms)
            reader.follow(partitions, since_ms)
        except TopicError:
            reader.close()
            if time.monotonic() > self._deadline:  # it takes a moment until all brokers know a new topic
                raise
        except BaseException:
            reader.close()
            raise
        else:
            self._reader = reader


def _behind(reader: TopicReader, partitions: Iterable[int], since_ms: int) -> dict[int, int]:
    """The end of each partition that has records since a time."""
    ends = {number: reader.ends(number)[1] for number in partitions}
    return {number: end for number, end in ends.items() if reader.first_since(number, since_ms) < end}
