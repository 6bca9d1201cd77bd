"""Dead letters beside the events that the log's own fold refuses. Pure."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from plaudit_schemas import dead_letters

from plaudit_consumers.audit.expected import Books, Refusal
from plaudit_consumers.audit.reading import Read
from plaudit_consumers.audit.report import Account, Difference

ACCOUNT = "dead letters"
Digest = Callable[[bytes | None, bytes | None], bytes]


class Letter(NamedTuple):
    """A dead letter, without its content."""

    reason: str
    digest: bytes


@dataclass(slots=True)
class Letters:
    """What the dead letters say, of all partitions; memory for each letter.

    Attributes:
        events: partition of the events' topic -> offset -> the letters of that event.
        unread: partition of the finished topic -> offsets of records that a sink refused.
    """

    events: dict[int, dict[int, list[Letter]]] = field(default_factory=dict)
    unread: dict[int, set[int]] = field(default_factory=dict)

    def read(self, reads: Iterable[Read], topics: tuple[str, str], digest: Digest) -> Iterator[Difference]:
        """Take them in; `topics` are those of events and of finished conversations."""
        for read in reads:
            try:
                refusal = dead_letters.Refusal.from_headers(read.headers)
            except ValueError as error:
                text = f"letter {read.offset} of partition {read.partition} cannot be read: {error}"
                yield Difference(ACCOUNT, read.partition, read.offset, read.offset, text)
                continue
            if refusal.topic == topics[0]:
                letter = Letter(refusal.reason, digest(read.key, read.value))
                self.events.setdefault(refusal.partition, {}).setdefault(refusal.offset, []).append(letter)
            elif refusal.topic == topics[1]:
                self.unread.setdefault(refusal.partition, set()).add(refusal.offset)


def check_letters(books: Books, account: Account, letters: Letters, committed: int) -> Iterator[Difference]:
    """Compare one partition's letters with its books, and fill the account.

    Args:
        committed: everything before this offset was committed before the letters were read.
    """
    found = letters.events.get(books.partition, {})
    for offset in sorted(found.keys() | books.refused.keys()):
        its, expected = found.get(offset, []), books.refused.get(offset)
        if expected is not None:
            account.refused[expected.reason] = account.refused.get(expected.reason, 0) + 1
        if offset in books.unsure or not books.first <= offset < books.position:
            continue
        account.letters += bool(its)
        account.letter_repeats += max(0, len(its) - 1)
        if not its and offset >= committed:
            continue
        what = _odd(expected, its)
        if what:
            yield Difference(ACCOUNT, books.partition, offset, offset, what)


def _odd(expected: Refusal | None, letters: list[Letter]) -> str:
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
