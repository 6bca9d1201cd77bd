"""Loads, folds and commits the batches of one partition."""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.record import KafkaRecord

from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.cache import ConversationCache
from plaudit_stream_processors.state.commit import NO_LEFTOVERS
from plaudit_stream_processors.state.store import Holding, Ownership
from plaudit_stream_processors.worker.batch_fold import BatchFold, collect_batch
from plaudit_stream_processors.worker.batch_labels import BatchLabels
from plaudit_stream_processors.worker.batches import FoldContext, LoadedBatch, Prepared

_YIELD_EVERY: Final = 512  # records


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
        folding = BatchFold(self.context, self.cache, self.partition, self.epoch, batch.number)
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
        missing = collect_batch(records, decoded, self._number, self.cache, labels, self.context.rules)
        if missing:
            holding = Holding(self.epoch, self._committed)
            found = await self.context.store.load_conversations(self.partition, list(missing), holding)
            for name, event in missing.items():
                state = found.get(name) or ConversationState(event["application"], event["conversation_id"])
                state.batch = self._number
                self.cache.put(state)
                labels.collect_state(state)
