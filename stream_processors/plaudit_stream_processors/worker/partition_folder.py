"""Decodes and folds one batch of one partition, and prepares everything that is to be written for it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Decoder, Encoder, PackagedSchemas, Record, SchemaSource
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import CodecError, RefusedError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord

from plaudit_stream_processors.fold import (
    ConversationState,
    Effects,
    Emitted,
    Rules,
    check_place,
    encode_finished,
    fold_record,
)
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.cache import ConversationCache
from plaudit_stream_processors.state.commit import NO_LEFTOVERS, Commit, conversation_changes
from plaudit_stream_processors.state.store import ConversationStore, Holding, Ownership
from plaudit_stream_processors.worker.batch_labels import BatchLabels

_YIELD_EVERY: Final = 512  # records


class WorkerTopics(NamedTuple):
    """The topics of a worker, with their prefix."""

    events: str
    finished: str
    dead_letters: str
    metrics: str


@dataclass(frozen=True, slots=True)
class LoadedBatch:
    """A decoded batch whose conversations are in the cache: all that folding it needs.

    Attributes:
        number: counts the batches of one folder.
        decoded: for each record the event, or why it could not be decoded.
    """

    number: int
    records: Sequence[KafkaRecord]
    decoded: Sequence[Record | CodecError]
    first_offset: int
    next_offset: int


@dataclass(slots=True)
class Prepared:
    """A folded batch that is not written anywhere yet.

    Attributes:
        number: counts the batches of one folder.
        events: the number of records in the batch, refused ones included.
        finished: the finished conversations, encoded for Kafka.
    """

    number: int
    commit: Commit
    events: int
    effects: Effects
    finished: list[ProducerRecord]
    dead_letters: list[DeadLetter]


@dataclass(frozen=True, slots=True)
class FoldContext:
    """What all partitions of a worker share for folding."""

    topics: WorkerTopics
    store: ConversationStore
    rules: Rules
    label_limit: LabelLimit
    decoder: Decoder
    encoders: Mapping[Emitted, Encoder]
    schemas: SchemaSource = field(default_factory=PackagedSchemas)


class PartitionFolder:
    """Folds the batches of one owned partition in order. It lives as long as the ownership."""

    def __init__(self, context: FoldContext, partition: int, ownership: Ownership, max_entities: int) -> None:
        self.context, self.partition, self.epoch = context, partition, ownership.epoch
        self._committed = ownership.next_offset
        self.cache = ConversationCache(max_entities)
        self._leftovers = NO_LEFTOVERS
        self._number = 0

    async def load_batch(
        self, records: Sequence[KafkaRecord], first_offset: int, next_offset: int
    ) -> LoadedBatch:
        """Get everything that folding a batch needs from the registry and from Redis. Changes no state.

        Raises:
            RegistryError: the registry gave no id or no schema; the batch may be loaded again.
            redis.exceptions.RedisError: Redis did not answer; the batch may be loaded again.
            StateError: another worker owns the partition, or Redis has lost what was committed.
        """
        self._number += 1
        decoded = await self._decode([record.value for record in records])
        await self._load_states(records, decoded)
        return LoadedBatch(self._number, records, decoded, first_offset, next_offset)

    async def fold_batch(self, batch: LoadedBatch) -> Prepared:
        """Fold the batch that was loaded last. Call it once: it changes states in place, and asks nobody."""
        folding = BatchFold(self, batch.number)
        pairs = zip(batch.records, batch.decoded, strict=True)
        while folding.fold_records(islice(pairs, _YIELD_EVERY)) == _YIELD_EVERY:  # noqa: ASYNC110  # no wait
            await asyncio.sleep(0)  # lets the write of the batch before and the health server go on
        return folding.result(batch.first_offset, batch.next_offset)

    async def commit_batch(self, prepared: Prepared) -> None:
        """Write a batch to Redis. Writing the same batch again is harmless.

        Raises:
            redis.exceptions.RedisError: it is unknown whether the batch was written.
            StateError: as `ConversationStore.commit_batch`.
        """
        self._leftovers = await self.context.store.commit_batch(
            prepared.commit, self._committed, self._leftovers
        )
        self._committed = prepared.commit.next_offset
        self.cache.batch_committed(prepared.number)

    async def check_held(self) -> None:
        """Look whether Redis still has what was committed. Raises as `ConversationStore.check_held`."""
        await self.context.store.check_held(self.partition, Holding(self.epoch, self._committed))

    def skip_to(self, offset: int) -> None:
        """Go on at an offset: the records before it were given up, and Redis has the new position."""
        self._committed = offset

    async def _decode(self, values: Sequence[bytes | None]) -> list[Record | CodecError]:
        """Decode values, and learn the ids that the fold encodes with."""
        context = self.context
        encoders = context.encoders.values()
        if all(encoder.has_id for encoder in encoders) and context.decoder.knows_schemas(values):
            return context.decoder.decode_many(values)

        def ask_and_decode() -> list[Record | CodecError]:
            for encoder in encoders:
                encoder.learn_id()
            return context.decoder.decode_many(values)

        # In a thread: the registry's client blocks, and may have to wait.
        return await asyncio.to_thread(ask_and_decode)

    async def _load_states(
        self, records: Sequence[KafkaRecord], decoded: Sequence[Record | CodecError]
    ) -> None:
        """Bring the states that the batch needs into the cache, and let new labels be decided on."""
        limit, arrivals = self.context.label_limit, [record.timestamp for record in records]
        decided = False
        while not decided:  # again only where places were cleared meanwhile
            opened = await limit.open_batch(arrivals)
            await self._collect(records, decoded, BatchLabels(opened.decisions))
            decided = await limit.decide_collected(opened)

    async def _collect(
        self, records: Sequence[KafkaRecord], decoded: Sequence[Record | CodecError], labels: BatchLabels
    ) -> None:
        missing: dict[str, Record] = {}
        find, number = self.cache.find, self._number
        for record, event in zip(records, decoded, strict=True):
            if event.__class__ is not dict:
                continue  # it was not decoded; the fold refuses it
            key: Any = record.key
            state = find(key)
            if state is not None:
                state.batch = number  # keeps it in the cache until this batch is committed
                labels.collect_state(state)
            elif _has_own_place(event, record, self.context.rules):
                missing[f"{event['application']}/{event['conversation_id']}"] = event
            else:
                continue
            labels.collect_event(event)
        if missing:
            holding = Holding(self.epoch, self._committed)
            found = await self.context.store.load_conversations(self.partition, list(missing), holding)
            for name, event in missing.items():
                state = found.get(name) or ConversationState(event["application"], event["conversation_id"])
                state.batch = number
                self.cache.put(state)
                labels.collect_state(state)


def _has_own_place(event: Record, record: KafkaRecord, rules: Rules) -> bool:
    """Whether a record has the key of its event, and lies in its partition; the fold refuses all others."""
    try:
        check_place(event, record, rules)
    except RefusedError:
        return False
    return True


class BatchFold:
    """Folds the records of one batch, and collects what is to be written for them."""

    def __init__(self, folder: PartitionFolder, number: int) -> None:
        self._folder, self._number, self._effects = folder, number, Effects()
        self._touched: dict[bytes, ConversationState] = {}
        self._finished: list[ProducerRecord] = []
        self._dead_letters: list[DeadLetter] = []
        self._arrived_ms = 0
        self._events = 0

    def fold_records(self, pairs: Iterable[tuple[KafkaRecord, Record | CodecError]]) -> int:
        """Fold records with their decoded values, and keep dead letters of refused ones. Returns how many."""
        # Local names are faster, and this loop runs once for each event of the worker.
        find, effects, touched = self._folder.cache.find, self._effects, self._touched
        context, latest, count = self._folder.context, self._arrived_ms, 0
        rules, topic = context.rules, context.topics.events
        for record, event in pairs:
            count += 1
            if record.timestamp > latest:
                latest = record.timestamp
            state = fold_record(record, event, find, effects, rules)
            if isinstance(state, Refusal):
                self._dead_letters.append(DeadLetter.of(record, topic, state))
                continue
            if effects.finished:
                self._encode_finished(record)
            if not state.events and not state.erased:
                continue  # a model's word on a conversation that is not here: there is nothing to keep
            key: Any = record.key
            touched[key] = state
            state.size += len(record.value or b"")
        self._arrived_ms = latest
        self._events += count
        return count

    def result(self, first_offset: int, next_offset: int) -> Prepared:
        """Everything that is to be written for the batch."""
        folder = self._folder
        ids: list[str] = []
        changes: list[Any] = []
        for key, state in self._touched.items():
            ids.append(state.key)
            changes += conversation_changes(state)
            folder.cache.batch_touched(key, state, self._number)
        commit = Commit(
            folder.partition, folder.epoch, first_offset, next_offset, self._arrived_ms,
            ids, changes, self._effects.counters.by_bucket(),
        )  # fmt: skip
        return Prepared(self._number, commit, self._events, self._effects, self._finished, self._dead_letters)

    def _encode_finished(self, record: KafkaRecord) -> None:
        context, partition = self._folder.context, self._folder.partition
        for emission, value, refusal in encode_finished(self._effects, context.encoders):
            if refusal is not None:
                self._dead_letters.append(DeadLetter.of(record, context.topics.events, refusal))
                continue
            # In the partition of its events, so that source offsets only grow within it.
            key = emission.key.encode()
            self._finished.append(ProducerRecord(context.topics.finished, key, value, partition))
