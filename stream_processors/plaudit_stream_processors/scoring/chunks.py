"""Scores a few answers of one partition: from the state to Kafka."""

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial

from plaudit_schemas.models.scores import AnswerModel

from plaudit_stream_processors.scoring.answers import NewAnswer, Skips
from plaudit_stream_processors.scoring.inference import Inference, Scored
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.scoring.overtaken import OvertakenMessages
from plaudit_stream_processors.scoring.paths import Path, only_calls_tools, read_ancestors, skip_of
from plaudit_stream_processors.scoring.score_output import NewScore, ScoreOutput
from plaudit_stream_processors.scoring.versions import Versions
from plaudit_stream_processors.state.messages import FoundMessages, MessageReader


class ChunkScorer:
    """Scores answers of one partition at a time; several partitions may wait in it."""

    def __init__(
        self,
        reader: MessageReader,
        versions: Versions,
        inference: Inference,
        output: ScoreOutput,
        overtaken: OvertakenMessages,
        metrics: ScorerMetrics,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._reader, self._versions, self._inference = reader, versions, inference
        self._output, self._overtaken, self._metrics, self._clock = output, overtaken, metrics, clock

    async def score(self, partition: int, offset: int, answers: Sequence[NewAnswer]) -> None:
        """Score answers, and send their scores. After an error all of it may be done again.

        Args:
            offset: the partition must be folded up to here.

        Raises:
            BehindError: it is not.
            UnusableError: no version that could score them can be loaded.
            ModelError: the runtime failed.
            ServiceUnavailableError, TopicError, RegistryError, redis.exceptions.RedisError: something that
                it needs does not answer.
        """
        skips = Skips()
        paths = await self._paths(partition, offset, answers, skips)
        scores: list[NewScore] = []
        async with AsyncExitStack() as held:
            for model, group in (await self._by_model(paths, held, skips)).items():
                wanted = self._to_score(group, model, skips)
                await read_ancestors(partial(self._reader.read, partition, offset), wanted, model.input)
                scores += await self._scores(model, wanted, skips)
        await self._output.send(partition, scores, int(self._clock() * 1e6))
        self._count(scores, skips)

    def _to_score(self, group: Sequence[Path], model: AnswerModel, skips: Skips) -> list[Path]:
        """The paths of answers that a model can say something of, to an application that takes it."""
        wanted = []
        for path in group:
            if only_calls_tools(path.entity, model.input):
                skips["tool_calls"] += 1
            elif not self._output.fits(path.answer.application, model.aspect):
                skips["aspect"] += 1
            else:
                wanted.append(path)
        return wanted

    async def _scores(self, model: AnswerModel, paths: Sequence[Path], skips: Skips) -> list[NewScore]:
        results = await self._inference.score(model, [path.turns for path in paths])
        scores = []
        for path, result in zip(paths, results, strict=True):
            if path.missing:
                self._overtaken.wait(path.answer, path.missing)
            if isinstance(result, Scored):
                scores.append(NewScore(path.answer, result.text, result.score, model))
            else:
                skips[result] += 1
        return scores

    async def _paths(
        self, partition: int, offset: int, answers: Sequence[NewAnswer], skips: Skips
    ) -> list[Path]:
        """The answers as the state has them, without those that get no score."""
        if not answers:
            return []
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for answer in answers:
            wanted[answer.key].append(answer.message_id)
        found = FoundMessages()
        await self._reader.read(partition, offset, wanted, found)
        paths: dict[tuple[str, str], Path] = {}
        for answer in answers:
            entity = found.find(answer.key, answer.message_id)
            reason = skip_of(answer, found)
            if entity is not None and reason is None:
                # A repeat of a message under another event id is the same answer.
                paths.setdefault((answer.key, answer.message_id), Path(answer, entity))
            elif reason == "no_state" and self._versions.had_none_at(answer.arrived_ms):
                skips["no_version"] += 1  # so a first scorer on an old log alarms nobody
            elif reason is not None:
                skips[reason] += 1
        return list(paths.values())

    async def _by_model(
        self, paths: Sequence[Path], held: AsyncExitStack, skips: Skips
    ) -> dict[AnswerModel, list[Path]]:
        """The paths by the model that was active when their answers were complete."""
        groups: defaultdict[AnswerModel, list[Path]] = defaultdict(list)
        if paths:
            await self._versions.know(max(path.completed_ms for path in paths))
        for path in paths:
            model = await held.enter_async_context(self._versions.active_at(path.completed_ms))
            if model is None:
                skips["no_version"] += 1
            else:
                groups[model].append(path)
        return groups

    def _count(self, scores: Sequence[NewScore], skips: Skips) -> None:
        self._metrics.count_skips(skips)
        now_s = self._clock()
        for new in scores:
            delay_s = now_s - new.answer.arrived_ms / 1000
            self._metrics.count_score(new.model.name, new.model.version, new.score, delay_s)
