"""Folds one partition of the log again, to know what must have come of it. Pure, and can continue later."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from typing import Final, NamedTuple

from plaudit_schemas.codec.header import HEADER_BYTES
from plaudit_schemas.codec.wire import Decoder, Encoder, Record
from plaudit_schemas.contract.keys import partition_of
from plaudit_schemas.contract.log_checks import check_key
from plaudit_schemas.contract.names import START_CONVERSATION
from plaudit_schemas.contract.reasons import Reason, Refusal
from plaudit_schemas.errors import CodecError, InvalidEventError, WrongPartitionError
from plaudit_schemas.kafka.dead_letters import first_arrival_ms
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_stream_processors.fold import (
    CAPS_VERSION,
    CLOCKS_VERSION,
    ConversationState,
    Effects,
    Emitted,
    Rules,
    RulesHistory,
    encode_finished,
    fold_record,
)
from plaudit_stream_processors.metrics.buckets import Cells
from plaudit_stream_processors.state.commit import bucket_ttl_ms

AT_ONCE: Final = 1000


class ExpectedRefusal(NamedTuple):
    """Why an event must be a dead letter, and a digest of the key and value that the letter must hold."""

    reason: Reason
    digest: bytes


class Misplaced(NamedTuple):
    """An event in a partition that its key does not belong to. `own` is the partition that it belongs to."""

    offset: int
    arrived_ms: int
    digest: bytes
    own: int


class Bucket(NamedTuple):
    """A bucket of counters. `touched_ms` is a lower bound of its last change, in record timestamps."""

    cells: Cells
    touched_ms: int


def body_digest(value: bytes) -> bytes:
    """A digest of an Avro record without its schema id, because registries give one schema different ids."""
    return blake2b(value[HEADER_BYTES:], digest_size=16).digest()


def record_digest(key: bytes | None, value: bytes | None) -> bytes:
    """A digest of a refused record. The length keeps key and value apart."""
    return blake2b(b"%d %b%b" % (len(key or b""), key or b"", value or b""), digest_size=16).digest()


@dataclass(slots=True)
class Ledger:
    """One partition, folded from its first record on. It holds the states that still accept events.

    Attributes:
        first: the first offset of the log.
        position: the next offset to fold.
        folded: events that changed a state. `folded`, `duplicates`, `ignored` (ends without an effect) and
            `refused` add up to `events`.
        incomplete: ends of conversations whose start is not in the log. They emit nothing.
        arrived_ms: the latest record timestamp so far.
        finished: source offset -> digest of the finished conversation that this event must have emitted.
        states: record key -> state.
        unknown: keys of conversations that may have begun before the log; `unsure` are the offsets of their
            events.
        dropped: names of buckets that are too old to be compared.
        misplaced: events in a partition that their keys do not belong to.
        sent_again: digests of the records that were dead letters once.
        began_ms: the timestamp of the first record.
        misplaced_states: keys of the states that earlier rules made in a partition that is not theirs.
        blurred: keys of the conversations that earlier rules began with an end. What a worker knew of that
            end later depended on its commits, so neither their states nor what they emit are compared.
        history: which version of the rules was in force from which offset on.
        observers: are given each record that the fold took, its event, and the state after it.
    """

    partition: int
    rules: Rules
    decoder: Decoder
    encoders: Mapping[Emitted, Encoder]
    history: RulesHistory = field(default_factory=RulesHistory)
    first: int = 0
    position: int = 0
    events: int = 0
    folded: int = 0
    duplicates: int = 0
    ignored: int = 0
    incomplete: int = 0
    arrived_ms: int = 0
    refused: dict[int, ExpectedRefusal] = field(default_factory=dict)
    finished: dict[int, bytes] = field(default_factory=dict)
    states: dict[bytes | None, ConversationState] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    unknown: set[bytes | None] = field(default_factory=set)
    unsure: set[int] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    misplaced: list[Misplaced] = field(default_factory=list)
    sent_again: set[bytes] = field(default_factory=set)
    began_ms: int = 0
    misplaced_states: set[bytes | None] = field(default_factory=set)
    blurred: set[bytes | None] = field(default_factory=set)
    observers: list[Callable[[KafkaRecord, Record, ConversationState], None]] = field(default_factory=list)
    _version: int = 0

    def fold_records(self, records: Iterable[KafkaRecord]) -> None:
        """Fold the next records, in order."""
        rest = iter(records)
        while some := list(islice(rest, AT_ONCE)):
            effects = Effects()
            decoded = self.decoder.decode_many([record.value for record in some])
            for record, event in zip(some, decoded, strict=True):
                self._fold(record, event, effects)
            self._add_effects(effects, some[0].timestamp)

    def release(self) -> None:
        """Forget states and counters. Refusals, finished conversations and sums stay."""
        self.states.clear()
        self.buckets.clear()

    def is_expired(self, state: ConversationState) -> bool:
        """Whether Redis may have dropped the content, because the conversation accepts only an erasure now.

        Of the hollow states of earlier rules it may have dropped everything at any time.
        """
        if state.is_hollow():
            return True
        if state.is_open or state.end is None:
            return False
        return bool(self.arrived_ms - state.end["arrived_ms"] > self.rules.state_retention_ms)

    def forget_before(self, now_ms: int) -> None:
        """Drop what needs no comparison any more, to bound the memory.

        That is the content of expired conversations, and buckets that Redis may have dropped by `now_ms`.
        """
        for state in self.states.values():
            if state.messages and self.is_expired(state):
                _empty(state)
        for name in [name for name, bucket in self.buckets.items() if self.is_gone(name, bucket, now_ms)]:
            del self.buckets[name]
            self.dropped.add(name)

    def is_gone(self, name: str, bucket: Bucket, now_ms: int) -> bool:
        """Whether Redis may have dropped a bucket by `now_ms`, a time of the clock."""
        return now_ms > bucket.touched_ms + bucket_ttl_ms(name)

    def _fold(self, record: KafkaRecord, event: Record | CodecError, effects: Effects) -> None:
        self.position = record.offset + 1
        self.events += 1
        self.began_ms = self.began_ms or record.timestamp
        self.arrived_ms = max(self.arrived_ms, record.timestamp)
        if self.first and not isinstance(event, CodecError):
            self._mark_unsure(record, event)
        before = effects.duplicates + effects.ignored
        version = self.history.version_at(record.offset)
        rules = self.rules if version == self.rules.version else replace(self.rules, version=version)
        if version != self._version:
            self._version = version
            self._note_misplaced_states()
        self._note_blurred(record, rules)
        state = fold_record(record, event, self._find, effects, rules)
        if record.headers and first_arrival_ms(record) is not None:
            self.sent_again.add(record_digest(record.key, record.value))
        if isinstance(state, Refusal):
            self._refuse(record, state)
            return
        if not isinstance(event, CodecError):
            for observe in self.observers:
                observe(record, event, state)
        state.dirty.clear()  # only a worker needs it, for its commit; here it would grow
        if state.is_new():  # an end, or a model's word, of a conversation that is not here leaves nothing
            self.states.pop(record.key, None)
        else:
            self.states[record.key] = state
        self.folded += 1 - (effects.duplicates + effects.ignored - before)
        for emission, value, refusal in encode_finished(effects, self.encoders):
            if refusal is None:
                self.finished[emission.offset] = body_digest(value)
            else:
                self._refuse(record, refusal)
                self.folded -= 1

    def _find(self, key: bytes | None) -> ConversationState | None:
        return None if key in self.misplaced_states else self.states.get(key)

    def _note_blurred(self, record: KafkaRecord, rules: Rules) -> None:
        """Note a conversation that goes on from a hollow state, where the rules do not begin it again."""
        if rules.version < CAPS_VERSION:
            held = self._find(record.key)
            if held is not None and held.is_hollow():
                self.blurred.add(record.key)
            if record.key in self.blurred:
                self.unsure.add(record.offset)

    def _note_misplaced_states(self) -> None:
        """Note the states that earlier rules made in a partition that is not theirs; no later rules do."""
        if self._version >= CLOCKS_VERSION and self.rules.partitions:
            self.misplaced_states = {
                key
                for key in self.states
                if key is not None and partition_of(key, self.rules.partitions) != self.partition
            }

    def _mark_unsure(self, record: KafkaRecord, event: Record) -> None:
        """Mark an event whose conversation may have begun before the first record of the log."""
        try:
            check_key(event, record.key)
        except InvalidEventError:
            return
        if record.key not in self.states and event["body"][0] != START_CONVERSATION:
            self.unknown.add(record.key)
        if record.key in self.unknown:
            self.unsure.add(record.offset)

    def _refuse(self, record: KafkaRecord, refusal: Refusal) -> None:
        digest = record_digest(record.key, record.value)
        self.refused[record.offset] = ExpectedRefusal(refusal.reason, digest)
        if refusal.reason == WrongPartitionError.reason and record.key is not None:
            own = partition_of(record.key, self.rules.partitions)
            self.misplaced.append(Misplaced(record.offset, record.timestamp, digest, own))

    def _add_effects(self, effects: Effects, started_ms: int) -> None:
        self.duplicates += effects.duplicates
        self.ignored += effects.ignored
        self.incomplete += effects.incomplete
        for name, cells in effects.counters.by_bucket().items():
            held = self.buckets.get(name)
            total = {} if held is None else held.cells
            for cell, amount in cells.items():
                total[cell] = total.get(cell, 0) + amount
            self.buckets[name] = Bucket(total, started_ms)


def _empty(state: ConversationState) -> None:
    end, revision, events = state.end, state.revision, state.events
    state.forget_content()
    state.end, state.revision, state.events = end, revision, events
    state.dirty.clear()
