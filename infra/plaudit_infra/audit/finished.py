"""Compares finished conversations with those that follow from the log. Pure."""

from collections.abc import Iterable, Iterator, Set
from typing import Final, NamedTuple

from plaudit_schemas.codec.wire import Decoder, Encoder, Record, SchemaSource
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_infra.audit.ledger import Ledger, body_digest
from plaudit_infra.audit.report import Account, Difference

ACCOUNT: Final = "finished conversations"


class FinishedConversation(NamedTuple):
    """A record of the finished topic that is no repeat, and its content decoded in the sparse form."""

    record: KafkaRecord
    content: Record


class SinkRefusals(NamedTuple):
    """The records of a partition that a sink has refused, according to its dead letters.

    Attributes:
        before: the sink had passed this offset when the letters were read. Every refusal before it is in
            `offsets`.
    """

    offsets: Set[int]
    before: int


class FinishedComparison:
    """Compares one partition of the finished topic with its ledger, and yields what the sink must write.

    Attributes:
        seen: source offset -> offset of the first record with that source.
    """

    def __init__(
        self, ledger: Ledger, account: Account, refusals: SinkRefusals, schemas: SchemaSource
    ) -> None:
        self._ledger, self._account, self._refusals = ledger, account, refusals
        self._sparse = Decoder("finished_conversation", schemas, sparse=True)
        self._dense = Decoder("finished_conversation", schemas)
        self._encoder = Encoder("finished_conversation")
        self._differences: list[Difference] = []
        self.seen: dict[int, int] = {}

    def compare_records(self, records: Iterable[KafkaRecord]) -> Iterator[FinishedConversation]:
        """Compare each record. Yields those that are no repeats."""
        for record in records:
            content = self._decode(record)
            refused = record.offset in self._refusals.offsets
            if content is not None and refused:
                self._differ(content, record, "is refused by the sink")
            if content is None and not refused and record.offset < self._refusals.before:
                self._differ(content, record, "cannot be read")
            if content is None:
                self._account.unread += 1
                continue
            self._compare(content, record)
            if content["source_offset"] in self.seen:
                self._account.finished_repeats += 1
                continue
            self.seen[content["source_offset"]] = record.offset
            self._account.finished += 1
            yield FinishedConversation(record, content)

    def differences(self) -> list[Difference]:
        """The differences found since the last call."""
        found, self._differences = self._differences, []
        return found

    def missing(self) -> Iterator[Difference]:
        """A difference for each conversation that the worker has committed but that is not in the topic."""
        committed = self._account.state_position or 0
        for offset in self._ledger.finished:
            if offset in self._ledger.unsure:
                continue
            self._account.emissions += 1
            if offset not in self.seen and offset < committed:
                yield Difference(ACCOUNT, self._ledger.partition, offset, offset, "missing")

    def _decode(self, record: KafkaRecord) -> Record | None:
        """The content, or None for a record that a sink refuses."""
        try:
            content = self._sparse.decode(record.value or b"")
        except CodecError:
            return None
        return content if content["source_partition"] == self._ledger.partition else None

    def _compare(self, content: Record, record: KafkaRecord) -> None:
        ledger, offset, value = self._ledger, content["source_offset"], record.value or b""
        if not ledger.first <= offset < ledger.position or offset in ledger.unsure:
            return
        expected = ledger.finished.get(offset)
        if expected is None:
            self._differ(content, record, "comes from an event that finishes nothing")
        elif expected != body_digest(value) and expected != self._rewritten(value):
            self._differ(content, record, "has a content that the log does not make")

    def _rewritten(self, value: bytes) -> bytes:
        """A digest of the record in today's schema. A worker with an older schema may have written it."""
        return body_digest(self._encoder.encode(self._dense.decode(value)))

    def _differ(self, content: Record | None, record: KafkaRecord, what: str) -> None:
        source = content["source_offset"] if content else -1
        text = f"record {record.offset} of the finished topic {what}"
        self._differences.append(Difference(ACCOUNT, self._ledger.partition, source, source, text))
