"""Dead letters: refused records with their key, bytes and headers, and headers that give the reason.

Our headers come first. The last of them, `headers`, is the number of the record's own, which follow it as
they were. Their names may be the same as ours, or repeat. Older letters end before that header.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

from plaudit_schemas.codec.header import schema_id_of
from plaudit_schemas.contract.limits import REFUSAL_CHARACTERS
from plaudit_schemas.contract.reasons import REASONS, Refusal
from plaudit_schemas.kafka.record import Headers, KafkaRecord, ProducerRecord

FIRST_ARRIVAL: Final = "plaudit-first-arrival"
"""Header of a record that was a dead letter: its first timestamp, in milliseconds, as digits."""

Header = tuple[str, bytes | None]

_LAST: Final = "headers"
_DIGITS: Final = 15  # of milliseconds up to the year 33658; Python parses no more than 4300 digits


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A record that was refused.

    Attributes:
        refusal: the reason, and a detail of at most `REFUSAL_CHARACTERS`.
        topic: the topic that the record was read from.
        record: as it was read, with partition, offset, timestamp and headers.
        schema_id: from the header of its value; None if that is not Confluent's wire format.
    """

    refusal: Refusal
    topic: str
    record: KafkaRecord
    schema_id: int | None

    @classmethod
    def of(cls, record: KafkaRecord, topic: str, refusal: Refusal) -> Self:
        """The dead letter for a record that was read from `topic`."""
        cut = Refusal(refusal.reason, refusal.detail[:REFUSAL_CHARACTERS])
        kept = KafkaRecord(
            record.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
        )
        return cls(cut, topic, kept, schema_id_of(record.value or b""))

    @classmethod
    def read(cls, letter: KafkaRecord) -> Self:
        """Parse a record of the dead-letter topic.

        Raises:
            ValueError: a header is missing, or has a value that `to_send` does not write.
        """
        ours, own = _split(letter.headers)
        headers = {name: (value or b"").decode() for name, value in ours}
        reason = headers.get("reason", "")
        if reason not in REASONS:
            raise ValueError(f"the dead letter has no known reason, but {reason!r}")
        try:
            return cls(
                Refusal(reason, headers["detail"]),
                headers["topic"],
                _source(letter, headers, own),
                int(headers["schema-id"]) if headers["schema-id"] else None,
            )
        except KeyError as missing:
            raise ValueError(f"the dead letter lacks the header {missing}") from None

    def without_content(self) -> Self:
        """The dead letter without the record's value, for one that is too large for the topic."""
        size = len(self.record.value or b"")
        detail = (
            f"{self.refusal.detail}; its {size} bytes are too many for a dead letter, so they are left out"
        )
        refusal = self.refusal._replace(detail=detail)
        return replace(self, refusal=refusal, record=self.record._replace(value=None))

    def to_send(self, topic: str) -> ProducerRecord:
        """The record to send to the dead-letter topic. Our headers are UTF-8 text."""
        record, schema_id = self.record, self.schema_id
        headers = [
            ("reason", self.refusal.reason),
            ("detail", self.refusal.detail),
            ("topic", self.topic),
            ("partition", str(record.partition)),
            ("offset", str(record.offset)),
            ("schema-id", "" if schema_id is None else str(schema_id)),
            ("time", str(record.timestamp)),
            (_LAST, str(len(record.headers))),
        ]
        encoded: Headers = [(name, text.encode()) for name, text in headers]
        return ProducerRecord(topic, record.key, record.value, headers=[*encoded, *record.headers])


def first_arrival_ms(record: KafkaRecord) -> int | None:
    """When a record that was sent again arrived first, in milliseconds. None for every other record.

    Any producer may write the header, so it never gives a time after the record's own arrival.
    """
    for name, value in record.headers:
        if name == FIRST_ARRIVAL and value is not None and value.isdigit() and len(value) <= _DIGITS:
            return min(int(value), record.timestamp)
    return None


def _split(headers: Sequence[Header]) -> tuple[Sequence[Header], Sequence[Header]]:
    """The headers that are ours, and those of the record."""
    for at, (name, _) in enumerate(headers, 1):
        if name == _LAST:
            return headers[:at], headers[at:]
    return headers, ()


def _source(letter: KafkaRecord, headers: Mapping[str, str], own: Sequence[Header]) -> KafkaRecord:
    """The refused record, with the partition, offset and timestamp from the headers."""
    partition, offset, timestamp = (int(headers[name]) for name in ("partition", "offset", "time"))
    return KafkaRecord(partition, offset, timestamp, letter.key, letter.value, tuple(own))
