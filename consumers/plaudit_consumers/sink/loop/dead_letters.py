"""Sends records that can never be read to the dead letter topic."""

from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS

from plaudit_consumers.sink.errors import OutputUnavailableError

_OPTIONS: Final = {
    "message.timeout.ms": 60_000,
    "message.max.bytes": 1_000_000_000,  # librdkafka's maximum, so that the limit of the topic decides
}


class DeadLetterSender:
    """Sends the dead letters of a range before it is published.

    A crash between the two steps may send a dead letter twice, but never loses one.
    """

    def __init__(self, connection: ConnectionSettings) -> None:
        """Connects when the first dead letter is sent."""
        self._connection = connection
        self._topic = connection.topic_prefix + DEAD_LETTERS
        self._producer: AckedProducer | None = None

    def send_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Send dead letters and wait until Kafka has acknowledged them.

        A record that is too large for the topic is sent as its key and headers only. The headers name its
        place in the finished topic, where the content remains.

        Raises:
            OutputUnavailableError: Kafka did not acknowledge them within 60 s. The range is taken again.
        """
        if letters:
            too_large = self._send(letters)
            self._send([letter.without_content() for letter in too_large])

    def close(self) -> None:
        """Disconnect from Kafka."""
        if self._producer is not None:
            self._producer.close()

    def _send(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Send dead letters. Returns those that are too large for the topic."""
        if self._producer is None:
            self._producer = AckedProducer(self._connection, _OPTIONS)
        records = [letter.to_send(self._topic) for letter in letters]
        # By identity, because two records may be equal.
        errors = {id(unsent.record): unsent.error for unsent in self._producer.send_records_blocking(records)}
        too_large, failures = [], []
        for letter, record in zip(letters, records, strict=True):
            error = errors.get(id(record))
            if error is None:
                continue
            # Without content it was shortened already: a second refusal is a failure, not a loop.
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and record.value is not None:
                too_large.append(letter)
            else:
                failures.append(error.str())
        if failures:
            raise OutputUnavailableError(
                f"Kafka did not acknowledge dead letters ({', '.join(failures[:3])})"
            )
        return too_large
