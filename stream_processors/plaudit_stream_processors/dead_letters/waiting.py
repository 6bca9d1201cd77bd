"""Counts the dead letters that wait to be sent again. Pure: the caller reads the topic."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, Self

from plaudit_schemas.contract.reasons import Reason
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.kafka.resent_letters import RESENDABLE, Resent

_REASONS = {reason.encode(): reason for reason in RESENDABLE}


class WaitingLetters(NamedTuple):
    """Letters of one reason that were not sent again. Times are in milliseconds since 1970.

    Attributes:
        letters: how many; a letter that was written again after a crash counts again.
        first_ms, last_ms: when the first and the last of the refused records arrived.
        written_ms: when the oldest letter was written. The topic's retention counts from then.
    """

    letters: int
    first_ms: int
    last_ms: int
    written_ms: int

    def and_these(self, other: Self | None) -> "WaitingLetters":
        """The sum of both."""
        if other is None:
            return self
        return WaitingLetters(
            self.letters + other.letters,
            min(self.first_ms, other.first_ms),
            max(self.last_ms, other.last_ms),
            min(self.written_ms, other.written_ms),
        )


Waiting = Mapping[Reason, WaitingLetters]


class PartitionTally:
    """Counts one partition of the dead-letter topic, in order.

    Attributes:
        first: the first offset that counts.
        position: the next offset to take.
    """

    def __init__(self, resent: Resent, low: int) -> None:
        """`low` is the first offset of the partition."""
        self.resent = resent
        self.first = self.position = max(low, min(resent.get(reason, 0) for reason in RESENDABLE))
        self._waiting: dict[Reason, WaitingLetters] = {}

    @property
    def waiting(self) -> Waiting:
        return self._waiting

    def is_outdated(self, resent: Resent, low: int) -> bool:
        """Whether letters that were counted have been sent again, or deleted, meanwhile."""
        return dict(resent) != dict(self.resent) or (low > self.first and bool(self._waiting))

    def take(self, record: KafkaRecord, events_topic: str) -> None:
        """Take the next record."""
        self.position = record.offset + 1
        # Most letters are of other reasons, and reading them whole would cost the worker time.
        reason = _REASONS.get(_first_header(record))
        if reason is None or record.offset < self.resent.get(reason, 0):
            return
        try:
            letter = DeadLetter.read(record)
        except ValueError:
            return  # not a letter of ours; `plaudit dead-letters` names it
        if letter.topic == events_topic:
            arrived = letter.record.timestamp
            one = WaitingLetters(1, arrived, arrived, record.timestamp)
            self._waiting[reason] = one.and_these(self._waiting.get(reason))


def sum_of(tallies: Iterable[PartitionTally]) -> dict[Reason, WaitingLetters]:
    """All partitions together."""
    found: dict[Reason, WaitingLetters] = {}
    for tally in tallies:
        for reason, waiting in tally.waiting.items():
            found[reason] = waiting.and_these(found.get(reason))
    return found


def _first_header(record: KafkaRecord) -> bytes:
    for name, value in record.headers:
        return value or b"" if name == "reason" else b""
    return b""
