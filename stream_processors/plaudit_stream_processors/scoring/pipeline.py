"""The scorer's pipeline. Each batch is read, scored, sent and acknowledged, in that order.

A batch is acknowledged only once Kafka has its scores, and a repeat after a crash sends the same events with
the same ids.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from faust.types import TP
from plaudit_schemas.codec.wire import Decoder, Encoder
from plaudit_schemas.errors import ModelError

from plaudit_stream_processors.positions import FetchedBatch
from plaudit_stream_processors.running.following import SERVICES_AWAY, FollowingPipeline
from plaudit_stream_processors.running.readiness import Readiness
from plaudit_stream_processors.scoring.answers import NewAnswer, Skips, messages_of
from plaudit_stream_processors.scoring.chunks import ChunkScorer
from plaudit_stream_processors.scoring.committed import CommittedOffsets
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.scoring.selection import AnswerSelection

_CHUNK: Final = 64  # answers; bounds what is held in memory


class ScorerPipeline(FollowingPipeline):
    """Scores the batches of the partitions that this scorer owns."""

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
        super().__init__(metrics, readiness, (*SERVICES_AWAY, ModelError))
        self._committed, self._encoder, self._decoder = committed, encoder, decoder
        self._selection, self._chunks = selection, chunks
        self._skipped = metrics.count_skips

    async def read_positions(self, held: Sequence[TP]) -> Mapping[TP, int | None]:
        """What the group has committed."""
        return await asyncio.to_thread(self._committed.read, held)

    async def handle(self, batch: FetchedBatch) -> None:
        """Score the answers of a batch."""
        skips = Skips()
        # Scores are encoded with an id that the registry gives.
        learn = None if self._encoder.has_id else self._encoder.learn_id
        decoded = await self.decode(batch, self._decoder, learn)
        answers = self._selection.select(messages_of(batch.records, decoded), skips)
        self._skipped(skips)
        for start in range(0, len(answers), _CHUNK):
            await self._score(batch, answers[start : start + _CHUNK])

    async def _score(self, batch: FetchedBatch, answers: Sequence[NewAnswer]) -> None:
        """Score answers once the worker has folded the batch."""

        async def leave_late_and_score() -> None:
            skips = Skips()
            kept = self._selection.leave_late(answers, skips)
            await self._chunks.score(batch.partition, batch.next_offset, kept)
            self._skipped(skips)

        await self.once_folded(batch.partition, leave_late_and_score)
