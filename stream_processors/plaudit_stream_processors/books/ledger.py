"""What one partition of the log must have come to, by a fold of its own: pure, and ready to go on."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final, NamedTuple

from plaudit_schemas.codec import HEADER_BYTES, Decoder, Encoder
from plaudit_schemas.dead_letters import Reason
from plaudit_schemas.errors import CodecError

from plaudit_stream_processors.fold import Conversation, Effects, Event, Refused, Rules, fold
from plaudit_stream_processors.fold.events import check_key
from plaudit_stream_processors.metrics.buckets import Cells
from plaudit_stream_processors.metrics.recount import LogRecord
from plaudit_stream_processors.state.store import bucket_ttl_ms
from plaudit_stream_processors.worker.batches import FINISHED_BYTES

AT_ONCE: Final = 1000


class Refusal(NamedTuple):
    """Why an event must be a dead letter, and a digest of the key and the bytes that must be in it."""

    reason: Reason
    digest: bytes


class Bucket(NamedTuple):
    """A bucket of counters; `touched_ms` is at most its last change by record timestamps."""

    cells: Cells
    touched_ms: int


def digest_of(value: bytes) -> bytes:
    """A digest of an Avro record's body: the schema's id is the registry's business."""
    return blake2b(value[HEADER_BYTES:], digest_size=16).digest()


def letter_digest(key: bytes | None, value: bytes | None) -> bytes:
    """A digest of a refused record."""
    return blake2b(b"%d %b%b" % (len(key or b""), key or b"", value or b""), digest_size=16).digest()


@dataclass(slots=True)
class Ledger:
    """One partition, folded from its first record on. Holds the states that still take events.

    Attributes:
        first: the log's first offset.
        position: everything before it is folded.
        folded: events that changed a state; with `duplicates`, `ignored` (ends without an effect) and
            `refused` these are all events.
        incomplete: ends whose conversation has no start in the log; they are not emitted.
        finished: source offset -> digest of the finished conversation that it must have brought.
        unknown: keys of conversations that may have begun before the log; `unsure` are their offsets.
        dropped: names of buckets that are too old to be compared.
    """

    partition: int
    rules: Rules
    decoder: Decoder
    encoder: Encoder
    first: int = 0
    position: int = 0
    events: int = 0
    folded: int = 0
    duplicates: int = 0
    ignored: int = 0
    incomplete: int = 0
    arrived_ms: int = 0
    refused: dict[int, Refusal] = field(default_factory=dict)
    finished: dict[int, bytes] = field(default_factory=dict)
    states: dict[str, Conversation] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)

    def take(self, records: Iterable[LogRecord]) -> None:
        """Fold records that follow those taken before."""
        effects, started_ms = Effects(), 0
        for count, record in enumerate(records, 1):
            started_ms = started_ms or record.timestamp
            self._take(record, effects)
            if count % AT_ONCE == 0:
                self._book(effects, started_ms)
                effects, started_ms = Effects(), 0
        self._book(effects, started_ms)

    def close(self) -> None:
        """Forget the states; refusals, emissions and sums stay."""
        self.states.clear()
        self.buckets.clear()

    def expired(self, state: Conversation) -> bool:
        """Whether the conversation takes no event but an erasure; Redis may drop its content."""
        if state.is_open or state.end is None:
            return False
        return bool(self.arrived_ms - state.end["arrived_ms"] > self.rules.state_retention_ms)

    def forget_before(self, now_ms: int) -> None:
        """Drop what neither the log nor Redis can still change or show.

        These are contents of expired conversations, and buckets that Redis may have dropped by now.
        """
        for state in self.states.values():
            if state.messages and self.expired(state):
                _empty(state)
        for name in [name for name, bucket in self.buckets.items() if self.gone(name, bucket, now_ms)]:
            del self.buckets[name]
            self.dropped.add(name)

    def gone(self, name: str, bucket: Bucket, now_ms: int) -> bool:
        """Whether Redis may have dropped a bucket by a time of the clock."""
        return now_ms > bucket.touched_ms + bucket_ttl_ms(name)

    def _take(self, record: LogRecord, effects: Effects) -> None:
        self.position = record.offset + 1
        self.events += 1
        self.arrived_ms = max(self.arrived_ms, record.timestamp)
        before = effects.duplicates + effects.ignored
        try:
            self._fold(record, effects)
        except Refused as refused:
            self._refuse(record, refused.reason)
        except CodecError as error:
            self._refuse(record, error.reason)
        else:
            self.folded += 1 - (effects.duplicates + effects.ignored - before)
            self._emit(record, effects)

    def _fold(self, record: LogRecord, effects: Effects) -> None:
        value = record.value or b""
        event = self.decoder.decode(value)
        check_key(event, record.key)
        key = f"{event['application']}/{event['conversation_id']}"
        state = self.states.get(key)
        if state is None:
            state = Conversation(event["application"], event["conversation_id"])
            if self.first and event["body"][0] != "plaudit.v1.StartConversation":
                self.unknown.add(key)
        if key in self.unknown:
            self.unsure.add(record.offset)
        fold(
            state,
            Event(event, record.partition, record.offset, record.timestamp, len(value)),
            effects,
            self.rules,
        )
        state.dirty.clear()
        self.states[key] = state

    def _emit(self, record: LogRecord, effects: Effects) -> None:
        for emission in effects.finished:
            value = self.encoder.encode(emission.record)
            if len(value) > FINISHED_BYTES:
                self._refuse(record, "invalid")
                self.folded -= 1
            else:
                self.finished[emission.offset] = digest_of(value)
        effects.finished.clear()

    def _refuse(self, record: LogRecord, reason: Reason) -> None:
        self.refused[record.offset] = Refusal(reason, letter_digest(record.key, record.value))

    def _book(self, effects: Effects, started_ms: int) -> None:
        self.duplicates += effects.duplicates
        self.ignored += effects.ignored
        self.incomplete += effects.incomplete
        for name, cells in effects.counters.by_bucket().items():
            held = self.buckets.get(name)
            total = {} if held is None else held.cells
            for cell, amount in cells.items():
                total[cell] = total.get(cell, 0) + amount
            self.buckets[name] = Bucket(total, started_ms)


def _empty(state: Conversation) -> None:
    end, revision, events = state.end, state.revision, state.events
    state.forget_content()
    state.end, state.revision, state.events = end, revision, events
    state.dirty.clear()
