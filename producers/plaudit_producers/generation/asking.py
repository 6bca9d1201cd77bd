"""Asks models within limits, and again where that helps."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from plaudit_producers.chat.answer_run import AskModel, answer_facts, ask_model, write_answer
from plaudit_producers.chat.endpoints import EndpointTimeouts
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.transcript import TranscriptMessage

HOPELESS: Final = frozenset(("unauthorized", "forbidden", "unknown_model"))
"""What every further request to the model would meet, too."""
PASSING: Final = frozenset(("too_many_requests", "server_error", "unreachable", "timeout", "cut_stream"))
"""What may be over in a moment."""
_AWAY: Final = frozenset(("too_many_requests", "unreachable"))
"""What says nothing about the prompt: no answer is recorded."""
_FIRST_PAUSE_S: Final = 1.0
_LONGEST_PAUSE_S: Final = 60.0
LONGEST_WAIT_S: Final = 300.0
"""A model that asks for more patience is left out of the run."""

Sleep = Callable[[float], Awaitable[None]]


class AskingPace:
    """Spaces requests evenly, and keeps models that asked for patience waiting."""

    def __init__(
        self, rate: float | None, clock: Callable[[], float] = time.monotonic, sleep: Sleep = asyncio.sleep
    ) -> None:
        """`rate`: requests a second over all models; None for no limit."""
        self._between_s = 0.0 if rate is None else 1 / rate
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._paused_until: dict[str, float] = {}

    async def wait(self, model_key: str) -> None:
        """Return once the next request to a model may be sent."""
        while (left := self._paused_until.get(model_key, 0.0) - self._clock()) > 0:
            await self._sleep(left)
        at = max(self._next, self._clock())
        self._next = at + self._between_s
        if at > self._clock():
            await self._sleep(at - self._clock())

    def pause(self, model_key: str, seconds: float) -> None:
        """Send no request to a model for so long."""
        until = self._clock() + seconds
        self._paused_until[model_key] = max(until, self._paused_until.get(model_key, 0.0))


class AnswerAsker:
    """Asks for answers.

    Attributes:
        stopped: key of a model that is asked no more in this run -> why.
        requests: how many were sent.
    """

    def __init__(
        self,
        pace: AskingPace,
        timeouts: EndpointTimeouts,
        tries: int = 4,
        ask: AskModel = ask_model,
    ) -> None:
        """`tries`: the most requests for one answer."""
        self._pace, self._timeouts, self._tries, self._ask = pace, timeouts, tries, ask
        self.stopped: dict[str, str] = {}
        self.requests = 0

    async def answer(self, model: ChatModel, turns: Sequence[Mapping[str, str]]) -> TranscriptMessage | None:
        """The answer, which may be of status error. None if the model is asked no more in this run."""
        sent = [dict(turn) for turn in turns]
        for number in range(self._tries):
            await self._pace.wait(model.key)
            if model.key in self.stopped:
                return None
            message = await self._request(model, sent)
            kind = message.facts and message.facts.error_kind
            if kind in HOPELESS:
                self._stop(model, message)
                return None
            if kind not in PASSING:
                return message
            wait_s = message.retry_after_s or min(_FIRST_PAUSE_S * 2**number, _LONGEST_PAUSE_S)
            if wait_s > LONGEST_WAIT_S:
                self._stop(model, message)
                return None
            if number + 1 < self._tries:
                self._pace.pause(model.key, wait_s)
        if kind in _AWAY:
            self._stop(model, message)
            return None
        return message

    async def _request(self, model: ChatModel, turns: list[dict[str, str]]) -> TranscriptMessage:
        self.requests += 1
        facts = answer_facts(model, ())
        message = TranscriptMessage("assistant", "", status="partial", model_key=model.key, facts=facts)
        await write_answer(message, self._ask(model, turns, self._timeouts), lambda: None)
        return message

    def _stop(self, model: ChatModel, message: TranscriptMessage) -> None:
        self.stopped.setdefault(model.key, message.error or "it does not answer")
