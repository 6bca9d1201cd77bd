"""Decodes and folds one batch of one partition, and prepares everything that is to be written for it."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, NamedTuple

from plaudit_schemas.codec.wire import Decoder, Encoder, Record
from plaudit_schemas.contract.log_checks import check_key
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.errors import CodecError, InvalidEventError
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord, ProducerRecord

from plaudit_stream_processors.fold import ConversationState, Effects, Rules, encode_finished, fold_record
from plaudit_stream_processors.metrics.label_limit import LabelLimit
from plaudit_stream_processors.state.cache import ConversationCache
from plaudit_stream_processors.state.store import (
    Commit,
    ConversationStore,
    Holding,
    Ownership,
    conversation_arguments,
)

_YIELD_EVERY: Final = 512  # records


class WorkerTopics(NamedTuple):
    """The topics of a worker, with their prefix."""

    events: str
    finished: str
    dead_letters: str
    metrics: str


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
    encoder: Encoder


class PartitionFolder:
    """Folds the batches of one owned partition in order. It lives as long as the ownership."""

    def __init__(self, context: FoldContext, partition: int, ownership: Ownership, max_entities: int) -> None:
        self.context, self.partition, self.epoch = context, partition, ownership.epoch
        self._committed = ownership.next_offset
        self.cache = ConversationCache(max_entities)
        self._number = 0

    async def prepare_batch(
        self, records: Sequence[KafkaRecord], first_offset: int, next_offset: int
    ) -> Prepared:
        """Decode and fold a batch. Reads from Redis what the cache does not hold, and writes no state.

        Raises:
            RegistryError: the registry did not give a schema; the batch may be tried again.
            redis.exceptions.RedisError: Redis did not answer; the batch may be tried again.
            StateError: another worker owns the partition, or Redis has lost what was committed.
        """
        self._number += 1
        # Before the fold: these may fail and be tried again. The fold may not, as it changes states in place.
        decoded = self.context.decoder.decode_many([record.value for record in records])
        await self._load_states(records, decoded)
        folding = BatchFold(self, self._number)
        pairs = zip(records, decoded, strict=True)
        while folding.fold_records(islice(pairs, _YIELD_EVERY)) == _YIELD_EVERY:  # noqa: ASYNC110  # no wait
            await asyncio.sleep(0)  # lets the write of the batch before and the health server go on
        return folding.result(first_offset, next_offset)

    async def commit_batch(self, prepared: Prepared) -> None:
        """Write a batch to Redis. Writing the same batch again is harmless.

        Raises:
            redis.exceptions.RedisError: it is unknown whether the batch was written.
            StateError: as `ConversationStore.commit_batch`.
        """
        await self.context.store.commit_batch(prepared.commit, self._committed)
        self._committed = prepared.commit.next_offset
        self.cache.batch_committed(prepared.number)

    async def _load_states(
        self, records: Sequence[KafkaRecord], decoded: Sequence[Record | CodecError]
    ) -> None:
        """Bring the states that the batch needs into the cache, and let new labels be decided on."""
        missing: dict[str, Record] = {}
        label_limit, find, number = self.context.label_limit, self.cache.find, self._number
        for record, event in zip(records, decoded, strict=True):
            if event.__class__ is not dict:
                continue  # it was not decoded; the fold refuses it
            body = event["body"][1]
            if "model" in body or "variants" in body:
                label_limit.collect_body(body)
            key: Any = record.key
            state = find(key)
            if state is not None:
                state.batch = number  # keeps it in the cache until this batch is committed
            elif _has_own_key(event, key):  # the application of a cached conversation is decided already
                label_limit.collect_application(event["application"])
                missing[f"{event['application']}/{event['conversation_id']}"] = event
        await label_limit.decide_collected()
        if missing:
            holding = Holding(self.epoch, self._committed)
            found = await self.context.store.load_conversations(self.partition, list(missing), holding)
            for name, event in missing.items():
                state = found.get(name) or ConversationState(event["application"], event["conversation_id"])
                state.batch = number
                self.cache.put(state)


def _has_own_key(event: Record, key: bytes | None) -> bool:
    """Whether a record has the key of its event; the fold refuses all others."""
    try:
        check_key(event, key)
    except InvalidEventError:
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
            key: Any = record.key
            touched[key] = state
            state.size += len(record.value or b"")
            if effects.finished:
                self._encode_finished(record)
        self._arrived_ms = latest
        self._events += count
        return count

    def result(self, first_offset: int, next_offset: int) -> Prepared:
        """Everything that is to be written for the batch."""
        folder = self._folder
        arguments: list[Any] = []
        for key, state in self._touched.items():
            arguments += conversation_arguments(state)
            folder.cache.batch_touched(key, state, self._number)
        commit = Commit(
            folder.partition, folder.epoch, first_offset, next_offset, self._arrived_ms,
            arguments, len(self._touched), self._effects.counters.by_bucket(),
        )  # fmt: skip
        return Prepared(self._number, commit, self._events, self._effects, self._finished, self._dead_letters)

    def _encode_finished(self, record: KafkaRecord) -> None:
        context, partition = self._folder.context, self._folder.partition
        for emission, value, refusal in encode_finished(self._effects, context.encoder):
            if refusal is not None:
                self._dead_letters.append(DeadLetter.of(record, context.topics.events, refusal))
                continue
            # In the partition of its events, so that source offsets only grow within it.
            key = emission.key.encode()
            self._finished.append(ProducerRecord(context.topics.finished, key, value, partition))
