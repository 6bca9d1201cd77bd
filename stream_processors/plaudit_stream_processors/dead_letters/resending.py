"""Sends refused records again to the topics they came from."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from plaudit_schemas.errors import ServiceUnavailableError, WrongPartitionError
from plaudit_schemas.kafka.acked import AckedProducer
from plaudit_schemas.kafka.dead_letters import FIRST_ARRIVAL, DeadLetter, first_arrival_ms
from plaudit_schemas.kafka.record import ProducerRecord
from plaudit_schemas.kafka.resent_letters import RESENDABLE, ResentLetters
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.dead_letters.listing import ListedLetter

if TYPE_CHECKING:
    from plaudit_schemas.contract.reasons import Reason

_OPTIONS: Final = {
    "message.timeout.ms": 60_000,
    "message.max.bytes": 128 * 1024 * 1024,  # whatever the topic takes: the topic has the limit
}


def resend_letters(connection: ConnectionSettings, letters: Iterable[DeadLetter]) -> int:
    """Produce the records unchanged. Returns how many were sent.

    An event that was folded already is dropped by its id, and a record that is still refused becomes a new
    letter. Letters without a value are left out, as there is nothing to send.

    Raises:
        ServiceUnavailableError: Kafka did not acknowledge all records. Sending them again is harmless.
    """
    records = [record_to_resend(letter) for letter in letters if letter.record.value is not None]
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


def record_resent(connection: ConnectionSettings, letters: Iterable[ListedLetter]) -> None:
    """Record that these letters were sent again, and with them all earlier ones of their reasons.

    Raises:
        ServiceUnavailableError: Kafka does not answer, or does not allow it.
    """
    sent: dict[int, dict[Reason, int]] = {}
    for partition, offset, letter in letters:
        if letter.refusal.reason in RESENDABLE:
            sent.setdefault(partition, {})[letter.refusal.reason] = offset + 1
    resent = ResentLetters(connection)
    try:
        resent.record(sent)
    finally:
        resent.close()


def record_to_resend(letter: DeadLetter) -> ProducerRecord:
    """The refused record, for the partition that it came from, or for its key's if it was in a wrong one.

    It carries the time of its first arrival. That decides on its place among other words on the same thing;
    whether it comes too late is decided by the time at which it arrives again.
    """
    record, headers = letter.record, list(letter.record.headers)
    if first_arrival_ms(record) is None:
        headers.append((FIRST_ARRIVAL, str(record.timestamp).encode()))
    partition = None if letter.refusal.reason == WrongPartitionError.reason else record.partition
    return ProducerRecord(letter.topic, record.key, record.value, partition, headers)
