"""One batch of one partition: decode, fold, and prepare everything that is to be written of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from plaudit_schemas.codec import Decoder, Encoder, Record, schema_id_of
from plaudit_schemas.dead_letters import Reason, Refusal
from plaudit_schemas.errors import CodecError

from plaudit_stream_processors.fold import Conversation, Effects, Event, Refused, Rules, fold
from plaudit_stream_processors.fold.events import check_envelope
from plaudit_stream_processors.metrics.admission import Admission
from plaudit_stream_processors.state.cache import ConversationCache
from plaudit_stream_processors.state.store import Commit, ConversationStore, conversation_arguments

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

    def __init__(self, tools: Tools, partition: int, epoch: int, max_entities: int) -> None:
        self.tools, self.partition, self.epoch = tools, partition, epoch
        self.cache = ConversationCache(max_entities)
        self._number = 0

    async def prepare(self, records: Sequence[KafkaRecord], first_offset: int, next_offset: int) -> Prepared:
        """Decode and fold a batch. Reads from Redis what is not held; writes nothing.

        Raises:
            RegistryError: a schema could not be asked for; the batch may be tried again.
            redis.exceptions.RedisError: likewise.
        """
        self._number += 1
        decoded = self.tools.decoder.decode_many([record.value for record in records])
        await self._fetch(decoded)
        folding = _Folding(self, self._number, Effects())
        for start in range(0, len(records), _YIELD_EVERY):
            for record, event in zip(
                records[start : start + _YIELD_EVERY], decoded[start : start + _YIELD_EVERY], strict=True
            ):
                folding.take(record, event)
            await asyncio.sleep(0)  # lets heartbeats and the batch before go on
        return folding.result(first_offset, next_offset)

    async def _fetch(self, decoded: Sequence[Record | CodecError]) -> None:
        """Bring what the batch needs: states that are not held, and the admission of new labels."""
        missing: dict[str, Record] = {}
        admission, held = self.tools.admission, self.cache
        for event in decoded:
            if isinstance(event, dict):
                key = f"{event['application']}/{event['conversation_id']}"
                if key not in held:
                    missing[key] = event
                admission.note(event)
        await admission.settle()
        if missing:
            found = await self.tools.store.load(self.partition, list(missing))
            for key, event in missing.items():
                held.put(found.get(key) or Conversation(event["application"], event["conversation_id"]))


class _Folding:
    """The fold of one batch under way."""

    def __init__(self, owner: PartitionFolder, number: int, effects: Effects) -> None:
        self._owner, self._number, self._effects = owner, number, effects
        self._touched: dict[str, Conversation] = {}
        self._prepared_finished: list[Outgoing] = []
        self._dead: list[DeadLetter] = []
        self._arrived_ms = 0
        self._events = 0

    def take(self, record: KafkaRecord, event: Record | CodecError) -> None:
        """Fold one record, or note why it was refused."""
        self._arrived_ms = max(self._arrived_ms, record.timestamp)
        self._events += 1
        if isinstance(event, CodecError):
            self._refuse(record, event.reason, str(event))
            return
        try:
            self._fold(record, event)
        except Refused as refused:
            self._refuse(record, refused.reason, refused.detail)

    def result(self, first_offset: int, next_offset: int) -> Prepared:
        """Everything of the batch as it is to be written."""
        owner = self._owner
        arguments: list[Any] = []
        for state in self._touched.values():
            arguments += conversation_arguments(state)
            owner.cache.touched(state, self._number)
        commit = Commit(
            owner.partition, owner.epoch, first_offset, next_offset, self._arrived_ms,
            arguments, len(self._touched), self._effects.counters.by_bucket(),
        )  # fmt: skip
        return Prepared(
            self._number, commit, self._events, self._effects, self._prepared_finished, self._dead
        )

    def _fold(self, record: KafkaRecord, event: Record) -> None:
        owner, value = self._owner, record.value or b""
        key = f"{event['application']}/{event['conversation_id']}"
        if record.key != key.encode():
            raise Refused("invalid", "the record's key is not application/conversation id of its event")
        check_envelope(event)
        state = owner.cache.get(key)
        if state is None:  # unreachable while fetch and fold agree on the key
            raise RuntimeError(f"the state of {key} was not fetched")
        effects = self._effects
        folded = Event(event, owner.partition, record.offset, record.timestamp, len(value))
        fold(state, folded, effects, owner.tools.rules)
        self._touched[key] = state
        if effects.finished:
            self._encode_finished(record)

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
