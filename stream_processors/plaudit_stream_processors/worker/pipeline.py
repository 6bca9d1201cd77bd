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

from plaudit_stream_processors.state.store import FencedError, StateError
from plaudit_stream_processors.transport import Batch
from plaudit_stream_processors.worker.batches import PartitionFolder, Prepared, Tools
from plaudit_stream_processors.worker.outlet import Letter, Outlet
from plaudit_stream_processors.worker.telemetry import Telemetry

log = logging.getLogger(__name__)
T = TypeVar("T")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 5.0


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
        positions: dict[Any, int | None] = {}
        share = self._max_entities // max(1, len(list(partitions)))
        for tp in partitions:
            ownership = await self._insist(partial(self._tools.store.acquire, tp.partition, self._owner))
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
        """Wait for what is being written; a partition that was lost meanwhile is no error."""
        writing = list(self._writing.values())
        self._writing.clear()
        for task in writing:
            try:
                await task
            except StateError as error:
                log.warning("given up: %s", error)

    async def process(self, batch: Batch, ack: Callable[[], Any]) -> None:
        """Fold a batch now and write it in the background, after the one before."""
        folder = self._folders.get(batch.partition)
        if batch.session != self._session or folder is None:
            ack()  # of an older session: the transport ignores it, the new one brings it again
            return
        began = time.perf_counter()
        try:
            prepared = await self._insist(
                lambda: folder.prepare(batch.records, batch.first_offset, batch.next_offset)
            )
        except FencedError:
            if batch.session != self._session:
                return  # it went to another worker meanwhile
            raise
        self._telemetry.folded(time.perf_counter() - began)
        before = self._writing.pop(batch.partition, None)
        if before is not None:
            await before
        if batch.session != self._session:
            return
        task = asyncio.create_task(self._write(folder, prepared, batch, ack))
        task.add_done_callback(self._noticed)
        self._writing[batch.partition] = task

    async def _write(
        self, folder: PartitionFolder, prepared: Prepared, batch: Batch, ack: Callable[[], Any]
    ) -> None:
        began = time.perf_counter()
        await self._outlet.send(self._letters(folder.partition, prepared))
        sent = time.perf_counter()
        await self._insist(lambda: self._tools.store.commit(prepared.commit))
        folder.committed(prepared)
        ack()
        self._telemetry.committed(prepared, batch.fetched_at, sent - began, time.perf_counter() - sent)

    def _letters(self, partition: int, prepared: Prepared) -> list[Letter]:
        finished = [Letter(self._finished_topic, out.key, out.value, partition) for out in prepared.finished]
        dead = [
            Letter(self._dead_letter_topic, letter.key, letter.value, None, letter.refusal.headers())
            for letter in prepared.dead_letters
        ]
        return finished + dead

    def _noticed(self, task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is None or (isinstance(error, FencedError) and task not in self._writing.values()):
            return
        self.on_failure(error)

    async def _insist(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do it until Redis or the registry answers, with growing pauses; not ready meanwhile."""
        pause = _FIRST_PAUSE_S
        while True:
            try:
                result = await work()
            except (RedisError, RegistryUnavailableError, OSError) as error:
                self._telemetry.trouble(str(error))
                log.warning("waiting: %s", error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                self._telemetry.trouble(None)
                return result
