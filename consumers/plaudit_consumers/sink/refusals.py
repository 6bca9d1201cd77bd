"""Records that can never be read: to the dead letters, with the reason."""

from typing import Any

from confluent_kafka import Producer
from plaudit_schemas.codec import schema_id_of
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.dead_letters import Refusal
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.keys import PARTITIONER
from plaudit_schemas.topics import DEAD_LETTERS, FINISHED

from plaudit_consumers.sink.writing import Refused

_TIMEOUT_S = 60.0


class Refusals:
    """Sends before the range is committed: a crash between the two sends a dead letter twice, never none."""

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
            options = {"enable.idempotence": True, "acks": "all", "partitioner": PARTITIONER, "log_level": 0}
            self._producer = Producer(self._connection.kafka(**options))
        failures: list[str] = []
        prefix = self._connection.topic_prefix
        for raw, reason, detail in refused:
            headers = Refusal(
                reason,
                detail,
                prefix + FINISHED,
                partition,
                raw.offset,
                schema_id_of(raw.payload),
                raw.timestamp_ms,
            ).headers()
            self._producer.produce(
                prefix + DEAD_LETTERS, raw.payload, raw.key, headers=headers,
                on_delivery=lambda error, _: failures.append(error.str()) if error else None,
            )  # fmt: skip
        if self._producer.flush(_TIMEOUT_S) or failures:
            raise ServiceUnavailableError(
                f"Kafka did not take dead letters ({failures or 'no answer'}); try again"
            )
