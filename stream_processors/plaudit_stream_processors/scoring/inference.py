"""Runs models on a thread of its own. What many callers wait for is scored together."""

import asyncio
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from plaudit_schemas.errors import ModelError, ModelInputError
from plaudit_schemas.models.inputs import Turns
from plaudit_schemas.models.scores import AnswerModel, Score

_AT_ONCE: Final = 1024  # answers of one call, at most
_FIRST: Final = 64  # of the first call: who knows how long it takes
_CALL_S: Final = 5.0  # a call should take no longer: the watchdog waits for its end


class Scored(NamedTuple):
    """A score, and the text that the model was given for it."""

    text: str
    score: Score


Result = Scored | Literal["input", "output"]
"""A score, or why there is none: the model does not take the input, or its output is no number."""


class Usage(NamedTuple):
    """What calls of models have cost so far."""

    seconds: float
    tokens: int
    padding: int


@dataclass(slots=True, eq=False)
class _Job:
    model: AnswerModel
    turns: Sequence[Turns]
    done: "asyncio.Future[list[Result]]" = field(repr=False)


class Inference:
    """Scores answers, many callers' at a time, in the order in which they come.

    Attributes:
        usage: of all calls so far.
        ended_at: when a call last ended well, in seconds of `time.monotonic`.
    """

    def __init__(self) -> None:
        self.usage = Usage(0.0, 0, 0)
        self.ended_at = time.monotonic()
        self._most = _FIRST
        self._jobs: list[_Job] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="inference")
        self._running: asyncio.Task[None] | None = None

    async def score(self, model: AnswerModel, turns: Sequence[Turns]) -> list[Result]:
        """The result for each answer, in order. Other callers' answers may be scored in the same call.

        Raises:
            ModelError: the runtime failed for every answer of this call.
        """
        job = _Job(model, turns, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run())
        return await job.done

    async def release(self, model: AnswerModel) -> None:
        """Close a model, after all calls of it."""
        await asyncio.get_running_loop().run_in_executor(self._thread, model.close)

    def close(self) -> None:
        """End the thread. What waits gets no answer."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while jobs := self._next_jobs():
            given = [turns for job in jobs for turns in job.turns]
            try:
                results = await loop.run_in_executor(self._thread, self._score, jobs[0].model, given)
            except Exception as error:
                for job in jobs:
                    if not job.done.done():  # a caller may have given up meanwhile
                        job.done.set_exception(error)
                continue
            at = 0
            for job in jobs:
                if not job.done.done():
                    job.done.set_result(results[at : at + len(job.turns)])
                at += len(job.turns)

    def _next_jobs(self) -> list[_Job]:
        """The jobs to do next: the first, and those of the same model that are not too many."""
        self._jobs = [job for job in self._jobs if not job.done.done()]  # without those that were given up
        count = 0
        taken: list[_Job] = []
        for job in self._jobs:
            if not taken or (job.model is taken[0].model and count + len(job.turns) <= self._most):
                taken.append(job)
                count += len(job.turns)
        self._jobs = [job for job in self._jobs if job not in taken]
        return taken

    def _score(self, model: AnswerModel, turns: Sequence[Turns]) -> list[Result]:
        """On the thread."""
        began, padding = time.perf_counter(), model.padding
        inputs = [_input_of(model, each) for each in turns]
        texts = [text for text in inputs if text is not None]
        scores = iter(_scores(model, texts) if texts else [])
        results: list[Result] = []
        tokens = 0
        for text in inputs:
            score = None if text is None else next(scores)
            tokens += 0 if score is None else score.tokens
            if text is None:
                results.append("input")
            elif score is None or math.isnan(score.number):
                results.append("output")
            else:
                results.append(Scored(text, score))
        seconds = time.perf_counter() - began
        if texts:
            self._most = max(1, min(_AT_ONCE, int(_CALL_S / max(seconds, 1e-6) * len(texts))))
            self.ended_at = time.monotonic()
        before = self.usage
        self.usage = Usage(
            before.seconds + seconds, before.tokens + tokens, before.padding + model.padding - padding
        )
        return results


def _input_of(model: AnswerModel, turns: Turns) -> str | None:
    try:
        return model.input_of(turns)
    except ModelInputError:
        return None


def _scores(model: AnswerModel, texts: Sequence[str]) -> list[Score | None]:
    """The scores of texts; None for those at which the runtime fails.

    Raises:
        ModelError: it fails at any text.
    """
    try:
        return list(model.score(texts))
    except ModelError:
        model.score([""])
    # One text must not keep the others from being scored, nor be tried for ever.
    scores: list[Score | None] = []
    for text in texts:
        try:
            scores += model.score([text])
        except ModelError:
            scores.append(None)
    return scores
