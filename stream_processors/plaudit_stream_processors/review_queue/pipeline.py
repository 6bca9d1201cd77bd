"""The way of a batch into the queues: waited for, accepted, derived, written. Each is done before the next.

Each queue has positions of its own in Redis, next to its content, and they are the authority: reading begins
at the smallest. So a new version of a rubric and an emptied Redis are filled from the log, and what a queue
has seen changes nothing in it.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Record
from plaudit_schemas.contract.names import ERASE_CONVERSATION
from plaudit_schemas.errors import CodecError
from plaudit_schemas.kafka.record import KafkaRecord
from plaudit_schemas.review.queue import QueueGapError

from plaudit_stream_processors.fold import RulesHistory
from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.review_queue.acceptance import AcceptedEvent, EventAcceptance
from plaudit_stream_processors.review_queue.derivation import Derivation
from plaudit_stream_processors.review_queue.metrics import ReviewQueueMetrics
from plaudit_stream_processors.review_queue.queues import FollowedQueue, FollowedQueues, starts
from plaudit_stream_processors.running.following import FollowingPipeline
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.state.folded import FoldedReader

Decoded = list[tuple[KafkaRecord, Record]]


class ReviewPipeline(FollowingPipeline):
    """Brings the batches of the partitions that this process owns into the queues.

    Attributes:
        must_begin_again: whether Redis has lost what the queues had, so that reading must go back.
    """

    def __init__(
        self,
        queues: FollowedQueues,
        reader: FoldedReader,
        decoder: Decoder,
        acceptance: EventAcceptance,
        metrics: ReviewQueueMetrics,
        readiness: Readiness,
        log_bounds: Callable[[], Mapping[int, tuple[int, int]]],
    ) -> None:
        """`log_bounds` tells the first offset and the end of each partition of the log; it blocks."""
        super().__init__(metrics, readiness)
        self._queues, self._reader = queues, reader
        self._decoder, self._acceptance, self._counts = decoder, acceptance, metrics
        self._log_bounds = log_bounds
        self._histories: dict[int, RulesHistory] = {}
        self.must_begin_again = False

    async def read_positions(self, held: Sequence[TP]) -> Mapping[TP, int | None]:
        """Where the queue furthest behind goes on; nothing is read while no rubric is active."""
        self.must_begin_again = False
        try:
            await self._look_where(held)
        except QueueGapError:
            self.must_begin_again = True
        queues = list(self._queues.active.values())
        if not queues:
            return {}
        found = starts(queues, [tp.partition for tp in held])
        return {tp: found[tp.partition] for tp in held}

    async def _look_where(self, held: Sequence[TP]) -> None:
        queues = list(self._queues.active.values())
        if not queues:
            return
        bounds = await asyncio.to_thread(self._log_bounds)
        for queue in queues:
            # Until it has reached these, nobody gets an item that the log may say is answered.
            await queue.store.expect({partition: end for partition, (_, end) in bounds.items()})
            await queue.look_where()
            queue.seeded.clear()
            for partition in (tp.partition for tp in held):
                if partition not in queue.positions:
                    await queue.pass_over(partition, bounds.get(partition, (0, 0))[0])
            queue.is_read = True
        for tp in held:
            self._histories[tp.partition] = await self._reader.rules_history(tp.partition)

    async def handle(self, batch: FetchedBatch) -> None:
        """Bring a batch into every queue that has not seen all of it."""
        queues = [
            queue for queue in self._queues.active.values() if queue.wants(batch.partition, batch.next_offset)
        ]
        ended = list(self._queues.ended.values())
        events = await self._accepted(batch, {each.rubric.application for each in (*queues, *ended)})
        for conversation in {
            (one.event["application"], one.event["conversation_id"])
            for one in events
            if one.event["body"][0] == ERASE_CONVERSATION
        }:
            await self._erase(batch.partition, ended, *conversation)
        for queue in queues:
            await self._bring(batch, queue, events)

    async def _bring(
        self, batch: FetchedBatch, queue: FollowedQueue, events: Sequence[AcceptedEvent]
    ) -> None:
        derivation = Derivation(queue.finder)
        changes = derivation.add_events(events)
        partition, following = batch.partition, batch.next_offset

        async def apply() -> None:
            await queue.store.apply(partition, batch.first_offset, following, changes, queue.rules)

        try:
            await self._retry(partition, apply)
        except QueueGapError:
            self.must_begin_again = True
            await asyncio.Event().wait()  # until it is given up: nothing may follow
        queue.positions[partition] = following
        self._counts.count_changes(changes, derivation.unmatched)

    async def _erase(
        self, partition: int, queues: Collection[FollowedQueue], application: str, conversation_id: str
    ) -> None:
        for queue in queues:
            if queue.rubric.application == application:
                store = queue.store
                await self._retry(partition, lambda store=store: store.erase(conversation_id))  # type: ignore[misc]  # mypy cannot infer it

    async def _accepted(self, batch: FetchedBatch, applications: Collection[str]) -> list[AcceptedEvent]:
        """The events of these applications that the fold took, once the worker has folded the batch."""
        decoded = [
            (record, event)
            for record, event in zip(batch.records, await self.decode(batch, self._decoder), strict=True)
            if not isinstance(event, CodecError) and event["application"] in applications
        ]
        if not decoded:
            return []
        keys = list({f"{event['application']}/{event['conversation_id']}": None for _, event in decoded})

        async def read() -> Any:
            return await self._reader.read(batch.partition, batch.next_offset, keys)

        loaded = await self.once_folded(batch.partition, read)
        history = self._histories.get(batch.partition, RulesHistory())
        return list(self._acceptance.accepted(decoded, loaded, history))
