"""The worker's pipeline: for each batch the acknowledgements of Kafka, one commit, one ack, in that order.

While a batch is being written, the next one of its partition is decoded and folded; its own writing waits for
the one before. Nothing is acknowledged that is not in Redis, and nothing is in Redis whose finished
conversations are not in Kafka.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from plaudit_schemas.errors import RegistryUnavailableError
from redis.exceptions import RedisError

from plaudit_stream_processors.state.store import FencedError
from plaudit_stream_processors.transport import FetchedBatch
from plaudit_stream_processors.worker.output import GaplessOutput
from plaudit_stream_processors.worker.partition_folder import FoldContext, PartitionFolder, Prepared
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from plaudit_stream_processors.worker.readiness import Readiness

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 5.0
_GIVE_UP_S: Final = 15.0


class WorkerPipeline:
    """Folds and writes the batches of the partitions that this worker owns; their position store too.

    Attributes:
        on_failure: called with what ends the worker.
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
    ) -> None:
        self._context, self._output = context, output
        self._metrics, self._readiness = metrics, readiness
        self._owner, self._max_entities = owner, max_entities
        self._folders: dict[int, PartitionFolder] = {}
        self._writing: dict[int, asyncio.Task[None]] = {}
        self._session = 0
        self._settling = 0
        self.on_failure: Callable[[BaseException], None] = lambda _error: None

    @property
    def partitions(self) -> set[int]:
        """What this worker owns."""
        return set(self._folders)

    async def acquire(self, partitions: Iterable[Any], session: int) -> Mapping[Any, int | None]:
        """Own partitions (the transport's PositionStore): finish what is under way, take new epochs."""
        await self.settle()
        self._session = session
        self._folders.clear()
        self._writing.clear()
        positions: dict[Any, int | None] = {}
        share = self._max_entities // max(1, len(list(partitions)))
        for tp in partitions:
            acquire = partial(self._context.store.acquire_partition, tp.partition, self._owner)
            ownership = await self._retry_while_away(tp.partition, acquire)
            self._folders[tp.partition] = PartitionFolder(self._context, tp.partition, ownership, share)
            positions[tp] = ownership.next_offset
        self._show_partitions()
        return positions

    async def release(self, partitions: Iterable[Any]) -> None:
        """Partitions go to others: write what is folded, forget the rest."""
        await self.settle()
        for tp in partitions:
            self._folders.pop(tp.partition, None)
        self._show_partitions()

    async def settle(self) -> None:
        """Wait for what is being written, and give up what takes too long: the next owner reads it again."""
        writing = [task for task in self._writing.values() if not task.done()]
        self._settling += 1
        try:
            if writing:
                _, late = await asyncio.wait(writing, timeout=_GIVE_UP_S)
                for task in late:
                    task.cancel()
        finally:
            self._settling -= 1

    async def process_batch(self, batch: FetchedBatch, ack: Callable[[], Any]) -> None:
        """Fold a batch now and write it in the background, after the one before."""
        if batch.session != self._session:
            ack()  # of an older session: the transport ignores it, the new one brings it again
            return
        folder = self._folders.get(batch.partition)
        if folder is None:
            return  # given up: whoever owns the partition next reads it again
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
        """Fold a batch; None where its partition has gone to another worker meanwhile."""
        prepare = partial(folder.prepare_batch, batch.records, batch.first_offset, batch.next_offset)
        began = time.perf_counter()
        try:
            prepared = await self._retry_while_away(batch.partition, prepare)
        except FencedError:
            if self._is_lost(folder):
                return None
            raise
        self._metrics.counter("plaudit_fold_seconds_total").inc(time.perf_counter() - began)
        return prepared

    async def _is_written(self, task: "asyncio.Task[None] | None") -> bool:
        """Wait for the batch before; nothing may follow one that was not written."""
        if task is None:
            return True
        await asyncio.wait([task])
        return not task.cancelled() and task.exception() is None

    def _is_lost(self, folder: PartitionFolder) -> bool:
        """Whether a partition has gone, or is just going, to another worker or another session."""
        return bool(self._settling) or self._folders.get(folder.partition) is not folder

    def _give_up(self, folder: PartitionFolder) -> None:
        """Write nothing more of a partition of which a batch was left out."""
        if self._folders.get(folder.partition) is folder:
            del self._folders[folder.partition]

    async def _write(
        self, folder: PartitionFolder, prepared: Prepared, batch: FetchedBatch, ack: Callable[[], Any]
    ) -> None:
        began = time.perf_counter()
        dead_letters = [letter.to_send(self._context.topics.dead_letters) for letter in prepared.dead_letters]
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
            log.warning("given up: %s", error)
        else:
            self.on_failure(error)

    async def _retry_while_away(self, partition: int, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until Redis or the registry answers, with growing pauses; not ready meanwhile."""
        pause = _FIRST_PAUSE_S
        try:
            while True:
                try:
                    return await work()
                except (RedisError, RegistryUnavailableError, OSError) as error:
                    self._readiness.partition_waits(partition, str(error))
                    log.warning("waiting: %s", error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_S)
        finally:
            self._readiness.partition_goes_on(partition)

    def _show_partitions(self) -> None:
        self._metrics.gauge("plaudit_assigned_partitions").set(len(self._folders))
