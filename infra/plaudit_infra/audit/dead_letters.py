"""Compares dead letters with the events that the audit's own fold refuses. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from plaudit_schemas.contract.reasons import Reason
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_infra.audit.ledger import ExpectedRefusal, Ledger, record_digest
from plaudit_infra.audit.report import Account, Difference

ACCOUNT: Final = "dead letters"


class LetterDigest(NamedTuple):
    """What is kept of a dead letter: its reason, and a digest of its content."""

    reason: Reason
    digest: bytes


@dataclass(slots=True)
class LetterIndex:
    """The dead letters of all partitions, by the records that they are about.

    Memory grows with the number of letters.

    Attributes:
        events: partition of the events topic -> offset -> the letters about that event.
        unread: partition of the finished topic -> offsets of the records that a sink refused.
        given_up: partition of the events topic -> ranges of events that somebody gave up, in words.
    """

    events: dict[int, dict[int, list[LetterDigest]]] = field(default_factory=dict)
    unread: dict[int, set[int]] = field(default_factory=dict)
    given_up: dict[int, list[str]] = field(default_factory=dict)

    def add_letters(
        self, records: Iterable[KafkaRecord], events_topic: str, finished_topic: str
    ) -> Iterator[Difference]:
        """Add records of the dead-letter topic. Yields a difference for each that is no letter of ours."""
        for record in records:
            try:
                letter = DeadLetter.read(record)
            except ValueError as error:
                what = f"letter {record.offset} of partition {record.partition} cannot be read: {error}"
                yield Difference(ACCOUNT, record.partition, record.offset, record.offset, what)
                continue
            partition, offset = letter.record.partition, letter.record.offset
            if letter.refusal.reason == "lost":
                self.given_up.setdefault(partition, []).append(letter.refusal.detail)
            elif letter.topic == events_topic:
                digest = LetterDigest(letter.refusal.reason, record_digest(record.key, record.value))
                self.events.setdefault(partition, {}).setdefault(offset, []).append(digest)
            elif letter.topic == finished_topic:
                self.unread.setdefault(partition, set()).add(offset)


def compare_letters(
    ledger: Ledger, account: Account, letters: LetterIndex, committed: int
) -> Iterator[Difference]:
    """Compare one partition's letters with the events that its ledger refused, and fill the account.

    Args:
        committed: the worker had committed every event before this offset when the letters were read, so
            their letters must be there.
    """
    found = letters.events.get(ledger.partition, {})
    for offset in sorted(found.keys() | ledger.refused.keys()):
        its, expected = found.get(offset, []), ledger.refused.get(offset)
        if expected is not None:
            account.refused[expected.reason] = account.refused.get(expected.reason, 0) + 1
        if offset in ledger.unsure or not ledger.first <= offset < ledger.position:
            continue
        account.letters += bool(its)
        account.letter_repeats += max(0, len(its) - 1)
        if not its and offset >= committed:
            continue
        what = _difference(expected, its)
        if what:
            yield Difference(ACCOUNT, ledger.partition, offset, offset, what)


def _difference(expected: ExpectedRefusal | None, letters: list[LetterDigest]) -> str:
    if expected is None:
        return f"there is a letter ({letters[0].reason}) for an event that is fine"
    if not letters:
        return f"the event is refused ({expected.reason}), but there is no letter"
    for letter in letters:
        if letter.reason != expected.reason:
            return f"the letter says {letter.reason}; the log says {expected.reason}"
        if letter.digest != expected.digest:
            return "the letter does not hold the event's key and bytes"
    return ""
