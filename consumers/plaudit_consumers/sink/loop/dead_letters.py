"""Sending records that can never be read to the dead letters."""

from collections.abc import Sequence
from typing import Final

from confluent_kafka import KafkaError
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS

_OPTIONS: Final = {
    "message.timeout.ms": 60_000,
    "message.max.bytes": 1_000_000_000,  # the most that librdkafka takes: the topic's own limit decides
}


class DeadLetterSender:
    """Sends before the range is published. A crash between the two sends a letter twice, never none."""

    def __init__(self, connection: ConnectionSettings) -> None:
        """Connects with the first letter."""
        self._connection = connection
        self._topic = connection.topic_prefix + DEAD_LETTERS
        self._producer: AckedProducer | None = None

    def send_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Send, and wait until Kafka has them.

        A record that is too large for the topic goes as its key and headers alone. It stays in the finished
        topic, at the place that they name.

        Raises:
            ServiceUnavailableError: Kafka did not take them within 60 s.
        """
        if letters:
            too_large = self._send(letters)
            self._send([letter.without_content() for letter in too_large])

    def close(self) -> None:
        """Leave Kafka."""
        if self._producer is not None:
            self._producer.close()

    def _send(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Send; gives the letters whose content the topic does not take."""
        if self._producer is None:
            self._producer = AckedProducer(self._connection, _OPTIONS)
        records = [letter.to_send(self._topic) for letter in letters]
        errors = {id(unsent.record): unsent.error for unsent in self._producer.send_records_blocking(records)}
        too_large, failures = [], []
        for letter, record in zip(letters, records, strict=True):
            error = errors.get(id(record))
            if error is None:
                continue
            if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and record.value is not None:
                too_large.append(letter)
            else:
                failures.append(error.str())
        if failures:
            raise ServiceUnavailableError(
                f"Kafka did not take dead letters ({', '.join(failures[:3])}); try again"
            )
        return too_large
