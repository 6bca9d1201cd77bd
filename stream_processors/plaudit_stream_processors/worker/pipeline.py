"""The worker's work: batches in, and for each the acks of Kafka, one commit, one ack, in that order.

While a batch is being written, the next of its partition is decoded and folded; its own writing waits for
the one before. Nothing is acknowledged that is not in Redis, and nothing is in Redis whose finished
conversations are not in Kafka.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from plaudit_schemas.errors import RegistryUnavailableError
from redis.exceptions import RedisError

from plaudit_stream_processors.state.store import FencedError
from plaudit_stream_processors.transport import Batch
from plaudit_stream_processors.worker.batches import PartitionFolder, Prepared, Tools
from plaudit_stream_processors.worker.outlet import Letter, Outlet
from plaudit_stream_processors.worker.telemetry import Telemetry

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0
_GIVE_UP_S = 15.0


class Pipeline:
    """Folds and writes the batches of the partitions that this worker owns; their position store too."""

    def __init__(
        self,
        tools: Tools,
        outlet: Outlet,
        telemetry: Telemetry,
        *,
        owner: str,
        finished_topic: str,
        dead_letter_topic: str,
        max_entities: int,
    ) -> None:
        self._tools, self._outlet, self._telemetry = tools, outlet, telemetry
        self._owner, self._max_entities = owner, max_entities
        self._finished_topic, self._dead_letter_topic = finished_topic, dead_letter_topic
        self._folders: dict[int, PartitionFolder] = {}
        self._writing: dict[int, asyncio.Task[None]] = {}
        self._session = 0
        self._settling = 0
        self.on_failure: Callable[[BaseException], None] = lambda _error: None

    @property
    def partitions(self) -> set[int]:
        """What this worker owns."""
        return set(self._folders)

    @property
    def folded_labels(self) -> int:
        """How many label values this worker counts as other."""
        return self._tools.admission.refused

    async def acquire(self, partitions: Iterable[Any], session: int) -> Mapping[Any, int | None]:
        """Own partitions (the transport's PositionStore): finish what is under way, take new epochs."""
        await self.settle()
        self._session = session
        self._folders.clear()
        self._writing.clear()
        positions: dict[Any, int | None] = {}
        share = self._max_entities // max(1, len(list(partitions)))
        for tp in partitions:
            acquire = partial(self._tools.store.acquire, tp.partition, self._owner)
            ownership = await self._insist(tp.partition, acquire)
            self._folders[tp.partition] = PartitionFolder(self._tools, tp.partition, ownership, share)
            positions[tp] = ownership.next_offset
        self._telemetry.assigned(self.partitions)
        return positions

    async def release(self, partitions: Iterable[Any]) -> None:
        """Partitions go to others: write what is folded, forget the rest."""
        await self.settle()
        for tp in partitions:
            self._folders.pop(tp.partition, None)
        self._telemetry.assigned(self.partitions)

    async def settle(self) -> None:
        """Wait for what is being written, and give up what takes too long: whoever is next reads it again."""
        writing = [task for task in self._writing.values() if not task.done()]
        self._settling += 1
        try:
            if writing:
                _, late = await asyncio.wait(writing, timeout=_GIVE_UP_S)
                for task in late:
                    task.cancel()
        finally:
            self._settling -= 1

    async def process(self, batch: Batch, ack: Callable[[], Any]) -> None:
        """Fold a batch now and write it in the background, after the one before."""
        folder = self._folders.get(batch.partition)
        if batch.session != self._session or folder is None:
            ack()  # of an older session: the transport ignores it, the new one brings it again
            return
        began = time.perf_counter()
        try:
            prepared = await self._insist(
                batch.partition,
                lambda: folder.prepare(batch.records, batch.first_offset, batch.next_offset),
            )
        except FencedError:
            if self._lost(folder):
                return
            raise
        self._telemetry.folded(time.perf_counter() - began)
        before = self._writing.get(batch.partition)
        if before is not None:
            await asyncio.wait([before])
            if before.cancelled() or before.exception() is not None:
                return  # nothing may follow what was not written
        if self._lost(folder):
            return
        task = asyncio.create_task(self._write(folder, prepared, batch, ack))
        task.add_done_callback(partial(self._noticed, folder))
        self._writing[batch.partition] = task

    def _lost(self, folder: PartitionFolder) -> bool:
        """Whether a partition has gone, or is just going, to another worker or another session."""
        return bool(self._settling) or self._folders.get(folder.partition) is not folder

    async def _write(
        self, folder: PartitionFolder, prepared: Prepared, batch: Batch, ack: Callable[[], Any]
    ) -> None:
        began = time.perf_counter()
        await self._outlet.send(self._letters(folder.partition, prepared))
        sent = time.perf_counter()
        await self._insist(folder.partition, lambda: folder.commit(prepared))
        ack()
        self._telemetry.committed(prepared, batch.fetched_at, sent - began, time.perf_counter() - sent)

    def _letters(self, partition: int, prepared: Prepared) -> list[Letter]:
        finished = [Letter(self._finished_topic, out.key, out.value, partition) for out in prepared.finished]
        dead = [
            Letter(self._dead_letter_topic, letter.key, letter.value, None, letter.refusal.headers())
            for letter in prepared.dead_letters
        ]
        return finished + dead

    def _noticed(self, folder: PartitionFolder, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        if isinstance(error, FencedError) and self._lost(folder):
            log.warning("given up: %s", error)
        else:
            self.on_failure(error)

    async def _insist(self, partition: int, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until Redis or the registry answers, with growing pauses; not ready meanwhile."""
        pause = _FIRST_PAUSE_S
        try:
            while True:
                try:
                    return await work()
                except (RedisError, RegistryUnavailableError, OSError) as error:
                    self._telemetry.trouble(partition, str(error))
                    log.warning("waiting: %s", error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE_S)
        finally:
            self._telemetry.trouble(partition, None)
