"""The worker's pipeline. Each batch is sent to Kafka, committed to Redis and acknowledged, in that order.

While a batch is being written, the next one of its partition is decoded and folded, but written only after
it. A batch is acknowledged only once it is in Redis, and it is in Redis only once its finished conversations
are in Kafka.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from plaudit_schemas.codec.wire import Encoder

from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.running.output import GaplessOutput
from plaudit_stream_processors.running.patience import AWAY, retry_while_away
from plaudit_stream_processors.running.readiness import Readiness, Waiter
from plaudit_stream_processors.state.identity import folded_up_to, refuse_during_reset
from plaudit_stream_processors.state.store import FencedError
from plaudit_stream_processors.worker.batches import FoldContext, LoadedBatch, Prepared
from plaudit_stream_processors.worker.partition_folder import PartitionFolder
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.redis_guard import UnsafeRedisError

log = logging.getLogger(__name__)
T = TypeVar("T")

_GIVE_UP_S: Final = 15.0  # leaves time to acquire within the transport's ANSWER_S


class WorkerPipeline:
    """Folds and writes the batches of the partitions that this worker owns. It is their position store too.

    Attributes:
        on_failure: called with the error that ends the worker.
        refuse_unsafe: called before each use of Redis; raises UnsafeRedisError while it may lose state.
        on_foreign: called with the number of partitions where the group has assigned more than the state has.
    """

    def __init__(
        self,
        context: FoldContext,
        output: GaplessOutput,
        metrics: WorkerMetrics,
        readiness: Readiness,
        *,
        owner: str,
        max_entities: int,
        partitions: int,
    ) -> None:
        """`partitions` is the number that the state was begun with. Further ones are not taken."""
        self._context, self._output = context, output
        self._metrics, self._readiness = metrics, readiness
        self._owner, self._max_entities, self._count = owner, max_entities, partitions
        self._folders: dict[int, PartitionFolder] = {}
        self._writing: dict[int, asyncio.Task[None]] = {}
        self._session = 0
        self._settling = 0
        self.on_failure: Callable[[BaseException], None] = lambda _error: None
        self.refuse_unsafe: Callable[[], None] = lambda: None
        self.on_foreign: Callable[[int], None] = lambda _partitions: None

    @property
    def partitions(self) -> set[int]:
        """The partitions that this worker owns."""
        return set(self._folders)

    async def acquire(self, partitions: Iterable[Any], session: int) -> Mapping[Any, int | None]:
        """Finish or give up what is under way, then own partitions with new epochs (see PositionStore)."""
        await self.settle()
        self._session = session
        self._folders.clear()
        self._writing.clear()
        positions: dict[Any, int | None] = {}
        ours = [tp for tp in partitions if tp.partition < self._count]
        if len(ours) < len(list(partitions)):
            self.on_foreign(max(tp.partition for tp in partitions) + 1)
        store = self._context.store
        await self._retry_while_away(-1, partial(refuse_during_reset, store.client, store.prefix))
        share = self._max_entities // max(1, len(ours))
        for tp in ours:
            acquire = partial(store.acquire_partition, tp.partition, self._owner)
            ownership = await self._retry_while_away(tp.partition, acquire)
            self._folders[tp.partition] = PartitionFolder(self._context, tp.partition, ownership, share)
            positions[tp] = ownership.next_offset
        self._show_partitions()
        return positions

    async def learn_ids(self, encoders: Iterable[Encoder]) -> None:
        """Ask for the schema ids of encoders until there are answers. Not ready meanwhile."""
        for encoder in encoders:
            await self._retry_while_away(encoder.name, partial(asyncio.to_thread, encoder.learn_id))

    async def release(self, partitions: Iterable[Any]) -> None:
        """Write what is folded, then leave the partitions to others (see PositionStore)."""
        await self.settle()
        for tp in partitions:
            self._folders.pop(tp.partition, None)
        self._show_partitions()

    async def accepted_end(self, partition: int, first: int) -> int | None:
        """Where to go on reading, once somebody has given up the records from `first` on; None before.

        The partition is set aside: nothing of it may be read or written at the moment.
        """
        folder, writing = self._folders.get(partition), self._writing.get(partition)
        if folder is None or (writing is not None and not writing.done()):
            return None
        store = self._context.store
        position = (await folded_up_to(store.client, store.prefix, [partition])).get(partition)
        if position is None or position.next_offset <= first or self._folders.get(partition) is not folder:
            return None
        folder.skip_to(position.next_offset)
        return position.next_offset

    async def check_held(self) -> None:
        """Look whether Redis still has what was committed. Without new events no commit would tell.

        Raises:
            StateLostError: it has not.
            redis.exceptions.RedisError: Redis did not answer.
        """
        for folder in list(self._folders.values()):
            with contextlib.suppress(FencedError):  # its next commit, or a rebalance, says so
                await folder.check_held()

    async def settle(self) -> None:
        """Wait for the writes under way. Slow ones are given up: the next owner reads their batches again."""
        writing = [task for task in self._writing.values() if not task.done()]
        self._settling += 1  # a count: a stop and a rebalance may settle at the same time
        try:
            if writing:
                _, late = await asyncio.wait(writing, timeout=_GIVE_UP_S)
                for task in late:
                    task.cancel()
        finally:
            self._settling -= 1

    async def process_batch(self, batch: FetchedBatch, ack: Callable[[], Any]) -> None:
        """Fold a batch now, and write it in the background after the one before."""
        if batch.session != self._session:
            ack()  # stale: the transport ignores this, and the new session brings the records again
            return
        folder = self._folders.get(batch.partition)
        if folder is None:
            return  # given up: the next owner of the partition reads it again
        prepared = await self._prepare(folder, batch)
        if not await self._is_written(self._writing.get(batch.partition)):
            return
        if prepared is None or self._is_lost(folder):
            self._give_up(folder)
            return
        task = asyncio.create_task(self._write(folder, prepared, batch, ack))
        task.add_done_callback(partial(self._write_ended, folder))
        self._writing[batch.partition] = task

    async def _prepare(self, folder: PartitionFolder, batch: FetchedBatch) -> Prepared | None:
        """Fold a batch; None if its partition has gone to another worker meanwhile."""
        began = time.perf_counter()
        try:
            loaded = await self._retry_while_away(batch.partition, partial(self._load, folder, batch))
        except FencedError:
            if self._is_lost(folder):
                return None
            raise
        # Not repeated, whatever happens: a second fold would take every event of the batch for a duplicate.
        prepared = await folder.fold_batch(loaded)
        self._metrics.counter("plaudit_fold_seconds_total").inc(time.perf_counter() - began)
        return prepared

    async def _load(self, folder: PartitionFolder, batch: FetchedBatch) -> LoadedBatch:
        if self._is_lost(folder):  # what it waits for may never come, and nobody needs the batch here
            raise FencedError(f"partition {folder.partition} was given up")
        return await folder.load_batch(batch.records, batch.first_offset, batch.next_offset)

    async def _is_written(self, task: "asyncio.Task[None] | None") -> bool:
        """Wait for the batch before. Nothing may follow a batch that was not written."""
        if task is None:
            return True
        await asyncio.wait([task])
        return not task.cancelled() and task.exception() is None

    def _is_lost(self, folder: PartitionFolder) -> bool:
        """Whether a partition has gone, or is just going, to another worker or session."""
        return bool(self._settling) or self._folders.get(folder.partition) is not folder

    def _give_up(self, folder: PartitionFolder) -> None:
        """Write nothing more of a partition after a batch was left out: the next one would follow a gap."""
        if self._folders.get(folder.partition) is folder:
            del self._folders[folder.partition]

    async def _write(
        self, folder: PartitionFolder, prepared: Prepared, batch: FetchedBatch, ack: Callable[[], Any]
    ) -> None:
        began = time.perf_counter()
        dead_letters = [letter.to_send(self._context.topics.dead_letters) for letter in prepared.dead_letters]
        # Before the commit: after a crash in between they are sent again, and readers drop the repeats.
        await self._output.send_records([*prepared.finished, *dead_letters])
        sent = time.perf_counter()
        await self._retry_while_away(folder.partition, partial(folder.commit_batch, prepared))
        ack()
        self._metrics.count_batch(prepared, batch.fetched_at, sent - began, time.perf_counter() - sent)

    def _write_ended(self, folder: PartitionFolder, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, FencedError) and self._is_lost(folder):
            log.warning("gave up a batch: %s", error)  # as it should be: the new owner folds it
        else:
            self.on_failure(error)

    async def _retry_while_away(self, waiter: Waiter, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat `work` until Redis and the registry answer and Redis is safe. Not ready meanwhile."""

        async def safely() -> T:
            self.refuse_unsafe()
            return await work()

        return await retry_while_away(self._readiness, waiter, safely, (*AWAY, UnsafeRedisError))

    def _show_partitions(self) -> None:
        self._metrics.gauge("plaudit_assigned_partitions").set(len(self._folders))
