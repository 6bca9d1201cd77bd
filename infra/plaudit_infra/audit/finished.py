"""Compares finished conversations and amendments with those that follow from the log. Pure."""

from collections.abc import Iterable, Iterator, Set
from typing import Final, NamedTuple

from plaudit_schemas.codec.several import SeveralDecoder
from plaudit_schemas.codec.wire import Encoder, Record, SchemaSource
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import EMITTED, Emitted

from plaudit_infra.audit.ledger import Ledger, body_digest
from plaudit_infra.audit.report import Account, Difference

ACCOUNT: Final = "finished conversations"


class FinishedRecord(NamedTuple):
    """A record of the finished topic that is no repeat.

    Attributes:
        kind: a finished conversation, or an amendment.
        content: decoded in the sparse form.
    """

    record: KafkaRecord
    kind: Emitted
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
        self._sparse = SeveralDecoder(EMITTED, schemas, sparse=True)
        self._dense = SeveralDecoder(EMITTED, schemas)
        self._encoders = {kind: Encoder(kind) for kind in EMITTED}
        self._differences: list[Difference] = []
        self.seen: dict[int, int] = {}

    def compare_records(self, records: Iterable[KafkaRecord]) -> Iterator[FinishedRecord]:
        """Compare each record. Yields those that are no repeats."""
        for record in records:
            decoded = self._decode(record)
            refused = record.offset in self._refusals.offsets
            if decoded is not None and refused:
                self._differ(decoded.content, record, "is refused by the sink")
            if decoded is None and not refused and record.offset < self._refusals.before:
                self._differ(None, record, "cannot be read")
            if decoded is None:
                self._account.unread += 1
                continue
            self._compare(decoded)
            source = decoded.content["source_offset"]
            if source in self.seen:
                self._account.finished_repeats += 1
                continue
            self.seen[source] = record.offset
            if decoded.kind == "amendment":
                self._account.amendments += 1
            else:
                self._account.finished += 1
            yield decoded

    def differences(self) -> list[Difference]:
        """The differences found since the last call."""
        found, self._differences = self._differences, []
        return found

    def missing(self) -> Iterator[Difference]:
        """A difference for each record that the worker has committed but that is not in the topic."""
        committed = self._account.state_position or 0
        for offset in self._ledger.finished:
            if offset in self._ledger.unsure:
                continue
            self._account.emissions += 1
            if offset not in self.seen and offset < committed:
                yield Difference(ACCOUNT, self._ledger.partition, offset, offset, "missing")

    def _decode(self, record: KafkaRecord) -> FinishedRecord | None:
        """The record with its content, or None for one that a sink refuses."""
        try:
            kind, content = self._sparse.decode(record.value or b"")
        except CodecError:
            return None
        if content["source_partition"] != self._ledger.partition:
            return None
        return FinishedRecord(record, kind, content)

    def _compare(self, decoded: FinishedRecord) -> None:
        record, content = decoded.record, decoded.content
        ledger, offset, value = self._ledger, content["source_offset"], record.value or b""
        if not ledger.first <= offset < ledger.position or offset in ledger.unsure:
            return
        expected = ledger.finished.get(offset)
        if expected is None:
            self._differ(content, record, "comes from an event that finishes and amends nothing")
        elif expected != body_digest(value) and expected != self._rewritten(value):
            self._differ(content, record, "has a content that the log does not make")

    def _rewritten(self, value: bytes) -> bytes:
        """A digest of the record in today's schema. A worker with an older schema may have written it."""
        kind, record = self._dense.decode(value)
        return body_digest(self._encoders[kind].encode(record))

    def _differ(self, content: Record | None, record: KafkaRecord, what: str) -> None:
        source = content["source_offset"] if content else -1
        text = f"record {record.offset} of the finished topic {what}"
        self._differences.append(Difference(ACCOUNT, self._ledger.partition, source, source, text))
