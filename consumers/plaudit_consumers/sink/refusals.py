"""Records that can never be read: to the dead letters, with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from confluent_kafka import KafkaError, Producer
from plaudit_schemas.codec import schema_id_of
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.dead_letters import Refusal
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.keys import PARTITIONER
from plaudit_schemas.producing import produce_when_room
from plaudit_schemas.topics import DEAD_LETTERS, FINISHED

from plaudit_consumers.sink.writing import Refused

_TIMEOUT_S: Final = 60.0
_OPTIONS: Final = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": PARTITIONER,
    "message.max.bytes": 1_000_000_000,  # librdkafka's most: the topic's own limit decides
    "log_level": 0,
}


class _Letter(NamedTuple):
    key: bytes | None
    value: bytes | None
    refusal: Refusal

    def without_content(self) -> "_Letter":
        size = len(self.value or b"")
        detail = f"{self.refusal.detail}; its {size} bytes are too many for a dead letter and left out"
        return self._replace(value=None, refusal=replace(self.refusal, detail=detail))


class Refusals:
    """Sends before the range is published: a crash between the two sends a dead letter twice, never none.

    A record that is too large for the topic of dead letters is sent as its key and headers alone: the record
    itself stays in the finished topic, at the place that they name.
    """

    def __init__(self, connection: ConnectionSettings) -> None:
        self._connection = connection
        self._producer: Any = None

    def send(self, partition: int, refused: list[Refused]) -> None:
        """Send and wait for the acknowledgements.

        Raises:
            ServiceUnavailableError: Kafka did not take them.
        """
        if not refused:
            return
        if self._producer is None:
            self._producer = Producer(self._connection.kafka(**_OPTIONS))
        topic = self._connection.topic_prefix + FINISHED
        too_large = self._sent([_letter(topic, partition, each) for each in refused])
        self._sent([letter.without_content() for letter in too_large])

    def _sent(self, letters: Sequence[_Letter]) -> list[_Letter]:
        """Send; those whose content makes them too large for the topic were not taken."""
        too_large: list[_Letter] = []
        failures: list[str] = []

        def noting(letter: _Letter) -> Callable[[KafkaError | None, object], None]:
            def note(error: KafkaError | None, _message: object) -> None:
                if error is None:
                    return
                if error.code() == KafkaError.MSG_SIZE_TOO_LARGE and letter.value is not None:
                    too_large.append(letter)
                else:
                    failures.append(error.str())

            return note

        topic = self._connection.topic_prefix + DEAD_LETTERS
        for letter in letters:
            produce_when_room(
                self._producer, topic, letter.value, letter.key,
                headers=letter.refusal.headers(), on_delivery=noting(letter),
            )  # fmt: skip
        if self._producer.flush(_TIMEOUT_S) or failures:
            raise ServiceUnavailableError(
                f"Kafka did not take dead letters ({', '.join(failures[:3]) or 'no answer'}); try again"
            )
        return too_large


def _letter(topic: str, partition: int, refused: Refused) -> _Letter:
    raw, reason, detail = refused
    schema_id = schema_id_of(raw.payload)
    refusal = Refusal(reason, detail, topic, partition, raw.offset, schema_id, raw.timestamp_ms)
    return _Letter(raw.key, raw.payload, refusal)
