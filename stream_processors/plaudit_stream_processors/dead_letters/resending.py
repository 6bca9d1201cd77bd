"""Sending refused records again to where they came from."""

from collections.abc import Iterable
from typing import Final

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.settings.connection import ConnectionSettings

_OPTIONS: Final = {
    "message.timeout.ms": 60_000,
    "message.max.bytes": 128 * 1024 * 1024,  # the topic decides
}


def resend_letters(connection: ConnectionSettings, letters: Iterable[DeadLetter]) -> int:
    """Produce the records as they came, to the partition that they came from; how many were acknowledged.

    What was folded already is dropped by its event id; what is still refused becomes a new letter. Letters
    without a value are left out: there is nothing in them to send.

    Raises:
        ServiceUnavailableError: Kafka did not acknowledge all of them; sending again is harmless.
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
