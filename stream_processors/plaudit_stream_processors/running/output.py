"""What a process of this member sends to Kafka."""

from collections.abc import Sequence
from typing import Final

from plaudit_schemas.errors import PlauditError, ServiceUnavailableError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.settings.connection import ConnectionSettings

LARGEST_BYTES: Final = 64 * 1024 * 1024
"""The largest record that is sent; a finished conversation needs the most."""

_PROBE_KEY: Final = b"plaudit.clock"
_OPTIONS: Final = {
    "linger.ms": 1,
    "compression.type": "lz4",
    "message.max.bytes": LARGEST_BYTES,
    "message.timeout.ms": 0,  # wait for Kafka for as long as it takes
    "queue.buffering.max.messages": 1_000_000,
}


class RefusedOutputError(PlauditError):
    """Kafka refused a record for good, so nothing more may be sent."""


class GaplessOutput:
    """Sends records in order, and nothing after a record that Kafka refused.

    A partition of finished conversations must not go on after a gap: its readers take a later source offset
    as proof that they have seen all earlier ones.
    """

    def __init__(self, connection: ConnectionSettings) -> None:
        self._producer = AckedProducer(connection, _OPTIONS, gapless=True)

    @property
    def away(self) -> str | None:
        """Why nothing can be sent now; None while nothing is known to be wrong."""
        return self._producer.away

    async def broker_now_ms(self, topic: str) -> int:
        """The broker's time, in ms since 1970.

        Args:
            topic: a compacted topic with LogAppendTime. Before anything was acknowledged, a tombstone of a
                key that nobody uses is sent there, to see the broker's timestamp of it.

        Raises:
            ServiceUnavailableError: the topic has no timestamps of the broker.
            RefusedOutputError: as `send_records`.
        """
        now_ms = self._producer.clock.now_ms()
        if now_ms is None:
            await self.send_records([ProducerRecord(topic, _PROBE_KEY, None)])
            now_ms = self._producer.clock.now_ms()
        if now_ms is None:
            raise ServiceUnavailableError(
                f"{topic} must have message.timestamp.type=LogAppendTime: the broker's time is needed"
            )
        return now_ms

    async def send_records(self, records: Sequence[ProducerRecord]) -> None:
        """Send records in order and wait for every acknowledgement, however long Kafka is away.

        Raises:
            RefusedOutputError: Kafka refused a record for good. This output sends nothing more.
        """
        unsent = await self._producer.send_records(records)
        if unsent:
            record, error = self._producer.refused or unsent[0]
            raise RefusedOutputError(
                f"Kafka refused a record for {record.topic} ({error.str()}), and no later one may be sent; "
                "if it is too large, raise the topic's max.message.bytes; then start the process again"
            )

    def close(self) -> None:
        """Leave Kafka. A restarted process sends again what was not acknowledged before."""
        self._producer.close()
