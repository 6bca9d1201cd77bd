"""Lists the dead letters in their topic: selecting some, and showing them."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from plaudit_schemas.contract.printable import printable
from plaudit_schemas.contract.reasons import Reason
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS

log = logging.getLogger(__name__)


class ListedLetter(NamedTuple):
    """A dead letter and where it lies in its topic."""

    partition: int
    offset: int
    letter: DeadLetter


class Selection(NamedTuple):
    """Which letters to list.

    Attributes:
        reasons: only these; an empty set means all.
        since_ms: only records that arrived at or after this time, in milliseconds since 1970.
    """

    reasons: frozenset[Reason] = frozenset()
    since_ms: int = 0

    def includes(self, letter: DeadLetter) -> bool:
        """Whether the selection includes a letter."""
        wanted = not self.reasons or letter.refusal.reason in self.reasons
        return wanted and letter.record.timestamp >= self.since_ms


def list_letters(connection: ConnectionSettings, selection: Selection) -> Iterator[ListedLetter]:
    """The letters in the topic now, in order within each partition. Other records are logged and left out.

    Raises:
        TopicError: the topic does not exist.
        ServiceUnavailableError: Kafka does not answer.
    """
    with TopicReader(connection, DEAD_LETTERS) as reader:
        for partition in reader.partitions():
            for record in reader.records(partition, *reader.ends(partition)):
                try:
                    letter = DeadLetter.read(record)
                except ValueError as error:
                    log.warning("left out offset %s of partition %s: %s", record.offset, partition, error)
                    continue
                if selection.includes(letter):
                    yield ListedLetter(partition, record.offset, letter)


def document_of(listed: ListedLetter) -> dict[str, Any]:
    """A letter as one JSON object. Value and headers of its record are hexadecimal text."""
    letter = listed.letter
    refusal, record = letter.refusal, letter.record
    return {
        "partition": listed.partition,
        "offset": listed.offset,
        "reason": refusal.reason,
        "detail": refusal.detail,
        "topic": letter.topic,
        "source_partition": record.partition,
        "source_offset": record.offset,
        "schema_id": letter.schema_id,
        "arrived_at": _arrival(letter),
        "key": None if record.key is None else record.key.decode(errors="replace"),
        "value": _hex(record.value),
        "headers": [[name, _hex(value)] for name, value in record.headers],
    }


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def line_of(listed: ListedLetter) -> str:
    """A letter as one line of text for a person."""
    letter = listed.letter
    refusal, record = letter.refusal, letter.record
    key = "no key" if record.key is None else repr(record.key.decode(errors="replace"))
    place = f"{letter.topic} {record.partition}@{record.offset}"
    return printable(f"{_arrival(letter)}  {refusal.reason:<15} {place}  {key}  {refusal.detail}")


def _arrival(letter: DeadLetter) -> str:
    arrived = datetime.fromtimestamp(letter.record.timestamp / 1000, UTC)
    return arrived.isoformat(timespec="milliseconds")
