"""Finished conversations beside those that the log must have brought. Pure."""

from collections.abc import Callable, Iterable, Iterator, Set
from typing import NamedTuple

from plaudit_schemas.codec import Decoder, Encoder, Record, SchemaSource
from plaudit_schemas.errors import CodecError

from plaudit_consumers.audit.expected import Books
from plaudit_consumers.audit.reading import Read
from plaudit_consumers.audit.report import Account, Difference

ACCOUNT = "finished conversations"
Digest = Callable[[bytes], bytes]


class Finished(NamedTuple):
    """A record of the finished topic that is no repeat, decoded in the sparse form."""

    read: Read
    record: Record


class Refused(NamedTuple):
    """The records of a partition that a sink has refused, as its dead letters say.

    Attributes:
        before: up to this offset a sink had come before the letters were read: they hold all before it.
    """

    offsets: Set[int]
    before: int


class FinishedCheck:
    """Compares the finished topic of one partition with the books, and passes on what the sink must write.

    Attributes:
        seen: source offset -> the offset at which it came first.
    """

    def __init__(
        self, books: Books, account: Account, refused: Refused, schemas: SchemaSource, digest: Digest
    ) -> None:
        self._books, self._account, self._refused, self._digest = books, account, refused, digest
        self._sparse = Decoder("finished_conversation", schemas, sparse=True)
        self._dense = Decoder("finished_conversation", schemas)
        self._encoder = Encoder("finished_conversation")
        self._report: list[Difference] = []
        self.seen: dict[int, int] = {}

    def pass_on(self, reads: Iterable[Read]) -> Iterator[Finished]:
        """Each record that is no repeat, after it was compared."""
        for read in reads:
            record = self._record(read)
            refused = read.offset in self._refused.offsets
            if record is not None and refused:
                self._differ(record, read, "is refused by the sink")
            if record is None and not refused and read.offset < self._refused.before:
                self._differ(record, read, "cannot be read")
            if record is None:
                self._account.unread += 1
                continue
            offset = record["source_offset"]
            self._compare(record, read)
            if offset in self.seen:
                self._account.finished_repeats += 1
                continue
            self.seen[offset] = read.offset
            self._account.finished += 1
            yield Finished(read, record)

    def differences(self) -> list[Difference]:
        """What has been found since the last call."""
        found, self._report = self._report, []
        return found

    def missing(self) -> Iterator[Difference]:
        """Conversations that the worker has committed and that are not in the topic."""
        committed = self._account.state_position or 0
        for offset in self._books.finished:
            if offset in self._books.unsure:
                continue
            self._account.emissions += 1
            if offset not in self.seen and offset < committed:
                yield Difference(ACCOUNT, self._books.partition, offset, offset, "missing")

    def _record(self, read: Read) -> Record | None:
        """The record, or None for one that a sink refuses."""
        try:
            record = self._sparse.decode(read.value or b"")
        except CodecError:
            return None
        return record if record["source_partition"] == self._books.partition else None

    def _compare(self, record: Record, read: Read) -> None:
        books, offset, value = self._books, record["source_offset"], read.value or b""
        if not books.first <= offset < books.position or offset in books.unsure:
            return
        expected = books.finished.get(offset)
        if expected is None:
            self._differ(record, read, "comes from an event that finishes nothing")
        elif expected != self._digest(value) and expected != self._rewritten(value):
            self._differ(record, read, "has a content that the log does not make")

    def _rewritten(self, value: bytes) -> bytes:
        """A digest of the record as today's schema writes it: an older worker may have written it."""
        return self._digest(self._encoder.encode(self._dense.decode(value)))

    def _differ(self, record: Record | None, read: Read, what: str) -> None:
        source = record["source_offset"] if record else -1
        text = f"record {read.offset} of the finished topic {what}"
        self._report.append(Difference(ACCOUNT, self._books.partition, source, source, text))
