"""The scorer's pipeline. Each batch is read, scored, sent and acknowledged, in that order.

It follows the worker: a batch is read from Redis once the worker has folded it. So what the fold refused is
not scored, and there is one history. A batch is acknowledged only once Kafka has its scores, and a repeat
after a crash sends the same events with the same ids.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, TypeVar

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Encoder, Record
from plaudit_schemas.errors import CodecError, ModelError, RegistryError, ServiceUnavailableError, TopicError

from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.running.patience import AWAY, retry_while_away
from plaudit_stream_processors.running.readiness import Readiness, Waiter
from plaudit_stream_processors.scoring.answers import NewAnswer, Skips, messages_of
from plaudit_stream_processors.scoring.chunks import ChunkScorer
from plaudit_stream_processors.scoring.committed import CommittedOffsets
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.scoring.selection import AnswerSelection
from plaudit_stream_processors.state.messages import BehindError

log = logging.getLogger("plaudit.scorer")
T = TypeVar("T")

_CHUNK: Final = 64  # answers; bounds what is held in memory
_FIRST_PAUSE_S: Final = 0.01
_LONGEST_PAUSE_S: Final = 0.25
_AWAY: Final = (*AWAY, ServiceUnavailableError, TopicError, RegistryError, ModelError)
"""What passes by itself, or once somebody has repaired it."""


class ScorerPipeline:
    """Scores the batches of the partitions that this scorer owns. It is their position store too.

    Attributes:
        on_failure: called with the error that ends the scorer.
        behind: partition -> why it waits for the worker.
    """

    def __init__(
        self,
        committed: CommittedOffsets,
        encoder: Encoder,
        decoder: Decoder,
        selection: AnswerSelection,
        chunks: ChunkScorer,
        metrics: ScorerMetrics,
        readiness: Readiness,
    ) -> None:
        self._committed, self._encoder, self._decoder = committed, encoder, decoder
        self._selection, self._chunks = selection, chunks
        self._metrics, self._readiness = metrics, readiness
        self._newest: dict[int, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._session = 0
        self._closing = False
        self.partitions: set[int] = set()
        self.behind: dict[int, str] = {}
        self.on_failure: Callable[[BaseException], None] = lambda _error: None

    async def acquire(self, partitions: Iterable[TP], session: int) -> Mapping[TP, int | None]:
        """Give up what is under way, and go on where the group has committed (see PositionStore)."""
        self._session = session
        await self._give_up()
        held = list(partitions)
        read = partial(asyncio.to_thread, self._committed.read, held)
        positions = await self._retry(-1, read)
        self.partitions = {tp.partition for tp in held}
        self._show_partitions()
        return positions

    async def release(self, partitions: Iterable[TP]) -> None:
        """Give up what is under way, and leave the partitions to others (see PositionStore)."""
        self.partitions -= {tp.partition for tp in partitions}
        self._show_partitions()
        await self._give_up()

    async def settle(self) -> None:
        """Give up what is under way for good. The next owner of a partition scores it, with the same ids."""
        self._closing = True
        await self._give_up()

    async def _give_up(self) -> None:
        tasks = list(self._tasks)
        self._newest.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def process_batch(self, batch: FetchedBatch, ack: Callable[[], Any]) -> None:
        """Score a batch in the background, after the one before of its partition."""
        if self._closing:
            return  # an acknowledgement would pass over those that were given up
        if batch.session != self._session or batch.partition not in self.partitions:
            ack()  # stale: the transport ignores this, and the new session brings the records again
            return
        task = asyncio.create_task(self._handle(self._newest.get(batch.partition), batch, ack))
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        self._newest[batch.partition] = task

    async def _handle(
        self, before: "asyncio.Task[None] | None", batch: FetchedBatch, ack: Callable[[], Any]
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
            if before.cancelled() or before.exception() is not None:
                return  # nothing may follow a batch that was given up
        skips = Skips()
        answers = self._selection.select(messages_of(batch.records, await self._decode(batch)), skips)
        self._metrics.count_skips(skips)
        for start in range(0, len(answers), _CHUNK):
            await self._score(batch, answers[start : start + _CHUNK])
        ack()
        seconds = max(0.0, time.monotonic() - batch.fetched_at)
        self._metrics.histogram("plaudit_scorer_batch_seconds").observe(seconds)

    async def _decode(self, batch: FetchedBatch) -> Sequence[Record | CodecError]:
        """Decode a batch, and learn the id that scores are encoded with."""
        values = [record.value for record in batch.records]
        if self._encoder.has_id and self._decoder.knows_schemas(values):
            return self._decoder.decode_many(values)

        def ask_and_decode() -> Sequence[Record | CodecError]:
            self._encoder.learn_id()
            return self._decoder.decode_many(values)

        # In a thread: the registry's client blocks, and may have to wait.
        return await self._retry(batch.partition, partial(asyncio.to_thread, ask_and_decode))

    async def _score(self, batch: FetchedBatch, answers: Sequence[NewAnswer]) -> None:
        """Score answers once the worker has folded the batch."""
        pause, began = _FIRST_PAUSE_S, time.monotonic()
        try:
            while True:
                skips = Skips()
                answers = self._selection.leave_late(answers, skips)
                self._metrics.count_skips(skips)
                try:
                    score = partial(self._chunks.score, batch.partition, batch.next_offset, answers)
                    await self._retry(batch.partition, score)
                except BehindError as error:
                    self.behind[batch.partition] = str(error)
                    await asyncio.sleep(pause)
                    pause = min(pause * 1.5, _LONGEST_PAUSE_S)
                else:
                    return
        finally:
            if self.behind.pop(batch.partition, None) is not None:
                self._metrics.counter("plaudit_scorer_wait_seconds_total").inc(time.monotonic() - began)

    async def _retry(self, waiter: Waiter, work: Callable[[], Awaitable[T]]) -> T:
        return await retry_while_away(self._readiness, waiter, work, _AWAY)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.on_failure(error)

    def _show_partitions(self) -> None:
        self._metrics.gauge("plaudit_scorer_assigned_partitions").set(len(self.partitions))
