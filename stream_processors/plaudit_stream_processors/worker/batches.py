"""One batch of one partition: decode, fold, and prepare everything that is to be written of it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, Protocol

from plaudit_schemas.codec import Decoder, Encoder, Record, schema_id_of
from plaudit_schemas.dead_letters import Reason, Refusal
from plaudit_schemas.errors import CodecError

from plaudit_stream_processors.fold import Conversation, Effects, Event, Refused, Rules, fold
from plaudit_stream_processors.fold.events import check_key
from plaudit_stream_processors.metrics.admission import Admission
from plaudit_stream_processors.state.cache import ConversationCache
from plaudit_stream_processors.state.store import (
    Commit,
    ConversationStore,
    Holding,
    Ownership,
    conversation_arguments,
)

FINISHED_BYTES = 64 * 1024 * 1024 - 1024
_YIELD_EVERY = 512


class KafkaRecord(Protocol):
    """What the transport gives, one for each record; aiokafka's ConsumerRecord is one."""

    key: bytes | None
    value: bytes | None
    offset: int
    timestamp: int


class Outgoing(NamedTuple):
    """A finished conversation."""

    key: bytes
    value: bytes


class DeadLetter(NamedTuple):
    """A refused record, as it came."""

    key: bytes | None
    value: bytes | None
    refusal: Refusal


@dataclass(slots=True)
class Prepared:
    """A folded batch, not yet written anywhere."""

    number: int
    commit: Commit
    events: int
    effects: Effects
    finished: list[Outgoing] = field(default_factory=list)
    dead_letters: list[DeadLetter] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tools:
    """What all partitions of a worker fold with."""

    topic: str
    store: ConversationStore
    rules: Rules
    admission: Admission
    decoder: Decoder
    encoder: Encoder


class PartitionFolder:
    """Folds the batches of one owned partition, in order; lives as long as the ownership."""

    def __init__(self, tools: Tools, partition: int, ownership: Ownership, max_entities: int) -> None:
        self.tools, self.partition, self.epoch = tools, partition, ownership.epoch
        self._committed = ownership.next_offset
        self.cache = ConversationCache(max_entities)
        self._number = 0

    async def prepare(self, records: Sequence[KafkaRecord], first_offset: int, next_offset: int) -> Prepared:
        """Decode and fold a batch. Reads from Redis what is not held; writes nothing.

        Raises:
            RegistryError: a schema could not be asked for; the batch may be tried again.
            redis.exceptions.RedisError: likewise.
            StateError: the partition is another worker's, or Redis has lost what was committed.
        """
        self._number += 1
        decoded = self.tools.decoder.decode_many([record.value for record in records])
        await self._fetch(records, decoded)
        folding = _Folding(self, self._number, Effects())
        pairs = zip(records, decoded, strict=True)
        while True:
            taken = folding.take(islice(pairs, _YIELD_EVERY))
            if taken < _YIELD_EVERY:
                return folding.result(first_offset, next_offset)
            await asyncio.sleep(0)  # lets heartbeats and the batch before go on

    async def commit(self, prepared: Prepared) -> None:
        """Write a batch to Redis; the same one again is harmless.

        Raises:
            redis.exceptions.RedisError: nobody knows whether it was written.
            StateError: as `ConversationStore.commit`.
        """
        await self.tools.store.commit(prepared.commit, self._committed)
        self._committed = prepared.commit.next_offset
        self.cache.committed(prepared.number)

    async def _fetch(self, records: Sequence[KafkaRecord], decoded: Sequence[Record | CodecError]) -> None:
        """Bring what the batch needs: states that are not held, and the admission of new labels."""
        missing: dict[str, Record] = {}
        admission, get, number = self.tools.admission, self.cache.get, self._number
        for record, event in zip(records, decoded, strict=True):
            if event.__class__ is not dict:
                continue
            body = event["body"][1]
            if "model" in body or "variants" in body:
                admission.note(body)
            key: Any = record.key
            state = get(key)
            if state is not None:
                state.batch = number  # keeps it in the cache until this batch is committed
            elif _is_keyed(event, key):
                admission.note_application(event["application"])
                missing[f"{event['application']}/{event['conversation_id']}"] = event
        await admission.settle()
        if missing:
            holding = Holding(self.epoch, self._committed)
            found = await self.tools.store.load(self.partition, list(missing), holding)
            for name, event in missing.items():
                state = found.get(name) or Conversation(event["application"], event["conversation_id"])
                state.batch = number
                self.cache.put(state)


def _is_keyed(event: Record, key: bytes | None) -> bool:
    try:
        check_key(event, key)
    except Refused:
        return False
    return True


class _Folding:
    """The fold of one batch under way."""

    def __init__(self, owner: PartitionFolder, number: int, effects: Effects) -> None:
        self._owner, self._number, self._effects = owner, number, effects
        self._touched: dict[bytes, Conversation] = {}
        self._prepared_finished: list[Outgoing] = []
        self._dead: list[DeadLetter] = []
        self._arrived_ms = 0
        self._events = 0

    def take(self, pairs: Iterable[tuple[KafkaRecord, Record | CodecError]]) -> int:
        """Fold records, or note why they were refused; how many there were."""
        taken, latest, get, touched = 0, self._arrived_ms, self._owner.cache.get, self._touched
        effects, partition, rules = self._effects, self._owner.partition, self._owner.tools.rules
        for record, event in pairs:
            taken += 1
            if record.timestamp > latest:
                latest = record.timestamp
            if isinstance(event, CodecError):
                self._refuse(record, event.reason, str(event))
                continue
            key: Any = record.key
            size = len(record.value or b"")
            state: Any = get(key)
            try:
                if state is None or not (
                    state.conversation_id == event["conversation_id"]
                    and state.application == event["application"]
                ):
                    check_key(event, key)  # refuses it: for a right key there would be the right state
                fold(state, Event(event, partition, record.offset, record.timestamp, size), effects, rules)
            except Refused as refused:
                self._refuse(record, refused.reason, refused.detail)
                continue
            touched[key] = state
            state.size += size
            if effects.finished:
                self._encode_finished(record)
        self._arrived_ms = latest
        self._events += taken
        return taken

    def result(self, first_offset: int, next_offset: int) -> Prepared:
        """Everything of the batch as it is to be written."""
        owner = self._owner
        arguments: list[Any] = []
        for key, state in self._touched.items():
            arguments += conversation_arguments(state)
            owner.cache.touched(key, state, self._number)
        commit = Commit(
            owner.partition, owner.epoch, first_offset, next_offset, self._arrived_ms,
            arguments, len(self._touched), self._effects.counters.by_bucket(),
        )  # fmt: skip
        return Prepared(
            self._number, commit, self._events, self._effects, self._prepared_finished, self._dead
        )

    def _encode_finished(self, record: KafkaRecord) -> None:
        # At once: the state that it refers to may change with the next event.
        for emission in self._effects.finished:
            value = self._owner.tools.encoder.encode(emission.record)
            if len(value) > FINISHED_BYTES:
                self._refuse(
                    record, "invalid", f"the finished conversation has {len(value)} bytes, over the limit"
                )
            else:
                self._prepared_finished.append(Outgoing(emission.key.encode(), value))
        self._effects.finished.clear()

    def _refuse(self, record: KafkaRecord, reason: Reason, detail: str) -> None:
        refusal = Refusal(
            reason, detail[:1000], self._owner.tools.topic, self._owner.partition, record.offset,
            schema_id_of(record.value or b""), record.timestamp,
        )  # fmt: skip
        self._dead.append(DeadLetter(record.key, record.value, refusal))
