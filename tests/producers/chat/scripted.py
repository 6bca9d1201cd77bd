"""A chat whose models say what a test tells them, recorded by an in-memory producer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from plaudit_producers.chat.endpoints import AnswerDelta, EndpointTimeouts
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.recorder import ChatRecorder
from plaudit_producers.chat.session import ChatBackend, ChatSession
from plaudit_producers.chat.side_by_side import SideBySide
from plaudit_producers.chat.transcript import ChatOpening, Transcript
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import AnyBody

Step = AnswerDelta | Exception | asyncio.Event

MODELS = (
    ChatModel(id="small", version="1", endpoint="http://127.0.0.1:1/v1", system_prompt="Be brief."),
    ChatModel(id="large", endpoint="http://127.0.0.1:1/v1", metadata={"team": "a"}),
)
SMALL, LARGE = (model.key for model in MODELS)
HI = (AnswerDelta("Hi"), AnswerDelta(finish_reason="stop"))


@dataclass
class ScriptedModels:
    """Answers with the next script. A script is deltas, errors to raise, and events to wait for.

    Attributes:
        asked: the key of the model and the prompt of each call.
    """

    scripts: list[Sequence[Step]] = field(default_factory=list)
    asked: list[tuple[str, list[dict[str, str]]]] = field(default_factory=list)
    closed: int = 0

    async def ask(
        self, model: ChatModel, turns: Sequence[dict[str, str]], timeouts: EndpointTimeouts
    ) -> AsyncGenerator[AnswerDelta]:
        assert timeouts.first_s > 0
        self.asked.append((model.key, list(turns)))
        try:
            for step in self.scripts.pop(0) if self.scripts else HI:
                if isinstance(step, asyncio.Event):
                    await step.wait()
                elif isinstance(step, Exception):
                    raise step
                else:
                    yield step
        finally:
            self.closed += 1


@dataclass
class ScriptedChat:
    """A session with scripted models, and what it recorded."""

    models: ScriptedModels
    producer: InMemoryProducer
    session: ChatSession

    @property
    def bodies(self) -> list[AnyBody]:
        return [event.body for event in self.producer.events]

    def told(self, kind: type) -> list[Any]:
        """The bodies of one type that were recorded."""
        return [body for body in self.bodies if isinstance(body, kind)]

    def texts(self) -> list[tuple[str, str]]:
        """Role and content of what is shown."""
        return [(message.role, message.content) for message in self.session.transcript.path()]

    def pair(self) -> SideBySide | None:
        return self.session.pair

    async def ask(self, text: str, *model_keys: str) -> str:
        """Ask and wait for the answer. Returns the id of the last message that is shown."""
        self.session.ask(text, model_keys or (LARGE,))
        return await self.answered()

    async def begun(self) -> None:
        """Wait until the answer has its first words."""
        async for _ in self.session.growth():
            if self.texts()[-1][1]:
                return

    async def answered(self) -> str:
        async for _ in self.session.growth():
            pass
        return self.session.transcript.last_id


def scripted_chat(*scripts: Sequence[Step], producer: InMemoryProducer | None = None) -> ScriptedChat:
    """A chat of user `u`, with one script for each answer; later answers are `Hi`."""
    models = ScriptedModels(list(scripts))
    producer = InMemoryProducer("chat", when_full="raise", strict=True) if producer is None else producer
    backend = ChatBackend(MODELS, ChatRecorder(producer), ask_model=models.ask, shuffle=lambda _: None)
    return ScriptedChat(models, producer, ChatSession(backend, Transcript(opening=ChatOpening(user_id="u"))))


def says(*pieces: str) -> list[AnswerDelta]:
    """A script of a whole answer."""
    return [*map(AnswerDelta, pieces), AnswerDelta(finish_reason="stop")]


Act = Callable[[ScriptedChat], Awaitable[None]]

_LONGEST_S = 20
"""A chat that hangs fails its test."""


def run(chat: ScriptedChat, act: Act) -> ScriptedChat:
    """Let somebody act in a chat. Returns the chat."""

    async def in_time() -> None:
        async with asyncio.timeout(_LONGEST_S):
            await act(chat)

    asyncio.run(in_time())
    return chat


def asking(text: str, *model_keys: str) -> Act:
    """Asks once, and waits for the answer."""

    async def act(chat: ScriptedChat) -> None:
        await chat.ask(text, *model_keys)

    return act
