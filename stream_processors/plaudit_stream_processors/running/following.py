"""The batches of a process that follows the worker: in order, and not before the worker has folded them.

So what the fold refused is not handled, and there is one history. A batch is acknowledged once all of it is
done, and comes again after a crash.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Record
from plaudit_schemas.errors import CodecError, RegistryError, ServiceUnavailableError, TopicError
from plaudit_schemas.service.cancelling import cancel_and_wait

from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.running.follower_metrics import FollowerMetrics
from plaudit_stream_processors.running.patience import AWAY, retry_while_away
from plaudit_stream_processors.running.readiness import Readiness, Waiter
from plaudit_stream_processors.state.messages import BehindError

T = TypeVar("T")

_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.25
SERVICES_AWAY: Final = (*AWAY, ServiceUnavailableError, TopicError, RegistryError)
"""What passes by itself, or once somebody has repaired it."""


class FollowingPipeline(ABC):
    """Handles the batches of the partitions that this process owns. It is their position store too.

    Attributes:
        on_failure: called with the error that ends the process.
        behind: partition -> why it waits for the worker.
    """

    def __init__(
        self,
        metrics: FollowerMetrics,
        readiness: Readiness,
        away: tuple[type[Exception], ...] = SERVICES_AWAY,
    ) -> None:
        """`away` are the errors after which work is repeated."""
        self._metrics, self._readiness, self._away = metrics, readiness, away
        self._newest: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = 0
        self._closing = False
        self.partitions: set[int] = set()
        self.behind: dict[int, str] = {}
        self.on_failure: Callable[[BaseException], None] = lambda _error: None

    @abstractmethod
    async def read_positions(self, held: Sequence[TP]) -> Mapping[TP, int | None]:
        """Where to read each partition from; None is the log's start. Repeated while a service is away."""

    @abstractmethod
    async def handle(self, batch: FetchedBatch) -> None:
        """Do all that a batch asks for. The batch before it of its partition is done."""

    async def acquire(self, partitions: Iterable[TP], session: int) -> Mapping[TP, int | None]:
        """Give up what is under way, and go on at the positions (see PositionStore)."""
        self._session = session
        await self._give_up()
        held = list(partitions)
        positions = await self._retry(-1, lambda: self.read_positions(held))
        self.partitions = {tp.partition for tp in held}
        self._metrics.show_partitions(len(self.partitions))
        return positions

    async def release(self, partitions: Iterable[TP]) -> None:
        """Give up what is under way, and leave the partitions to others (see PositionStore)."""
        self.partitions -= {tp.partition for tp in partitions}
        self._metrics.show_partitions(len(self.partitions))
        await self._give_up()

    async def settle(self) -> None:
        """Give up what is under way for good. The next owner of a partition does it again."""
        self._closing = True
        await self._give_up()

    async def _give_up(self) -> None:
        self._newest.clear()
        await cancel_and_wait(*self._tasks)

    def process_batch(self, batch: FetchedBatch, ack: Callable[[], Any]) -> None:
        """Handle a batch in the background, after the one before of its partition."""
        if self._closing:
            return  # an acknowledgement would pass over those that were given up
        if batch.session != self._session or batch.partition not in self.partitions:
            ack()  # stale: the transport ignores this, and the new session brings the records again
            return
        task = asyncio.create_task(self._handle_after(self._newest.get(batch.partition), batch, ack))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._newest[batch.partition] = task

    async def _handle_after(
        self, before: "asyncio.Task[None] | None", batch: FetchedBatch, ack: Callable[[], Any]
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
            if before.cancelled() or before.exception() is not None:
                return  # nothing may follow a batch that was given up
        await self.handle(batch)
        ack()
        self._metrics.note_batch(max(0.0, time.monotonic() - batch.fetched_at))

    async def once_folded(self, partition: int, work: Callable[[], Awaitable[T]]) -> T:
        """Repeat `work` while it raises BehindError: until the worker has folded what it needs."""
        pause, began = _FIRST_PAUSE_S, time.monotonic()
        try:
            while True:
                try:
                    return await self._retry(partition, work)
                except BehindError as error:
                    self.behind[partition] = str(error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, _LONGEST_PAUSE_S)
        finally:
            if self.behind.pop(partition, None) is not None:
                self._metrics.note_wait(time.monotonic() - began)

    async def decode(
        self, batch: FetchedBatch, decoder: Decoder, prepare: Callable[[], None] | None = None
    ) -> Sequence[Record | CodecError]:
        """The values of a batch, decoded. Waits for the registry if it must be asked.

        Args:
            prepare: what must be done first, and may ask the registry too; None if there is nothing.
        """
        values = [record.value for record in batch.records]
        if prepare is None and decoder.knows_schemas(values):
            return decoder.decode_many(values)

        def ask_and_decode() -> Sequence[Record | CodecError]:
            if prepare is not None:
                prepare()
            return decoder.decode_many(values)

        # In a thread: the registry's client blocks, and may have to wait.
        return await self._retry(batch.partition, partial(asyncio.to_thread, ask_and_decode))

    async def _retry(self, waiter: Waiter, work: Callable[[], Awaitable[T]]) -> T:
        return await retry_while_away(self._readiness, waiter, work, self._away)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.on_failure(error)
