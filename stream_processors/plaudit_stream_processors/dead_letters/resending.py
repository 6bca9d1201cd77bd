"""Sends refused records again to the topics they came from."""

from collections.abc import Iterable
from typing import Final

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.settings.connection import ConnectionSettings

_OPTIONS: Final = {
    "message.timeout.ms": 60_000,
    "message.max.bytes": 128 * 1024 * 1024,  # whatever the topic takes: the topic has the limit
}


def resend_letters(connection: ConnectionSettings, letters: Iterable[DeadLetter]) -> int:
    """Produce the records unchanged, to the partitions they came from. Returns how many were sent.

    An event that was folded already is dropped by its id, and a record that is still refused becomes a new
    letter. Letters without a value are left out, as there is nothing to send.

    Raises:
        ServiceUnavailableError: Kafka did not acknowledge all records. Sending them again is harmless.
    """
    records = [
        ProducerRecord(letter.topic, letter.record.key, letter.record.value, letter.record.partition)
        for letter in letters
        if letter.record.value is not None
    ]
    producer = AckedProducer(connection, _OPTIONS)
    try:
        unsent = producer.send_records_blocking(records)
    finally:
        producer.close()
    if unsent:
        raise ServiceUnavailableError(
            f"{len(unsent)} of {len(records)} records were not acknowledged: {unsent[0].error.str()}; send "
            "them again"
        )
    return len(records)
