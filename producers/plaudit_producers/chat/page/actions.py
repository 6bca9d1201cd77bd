"""Actions in the chat: each action takes what Gradio gives, and draws the page anew."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import gradio as gr
from plaudit_schemas.contract.field_types import Consent
from plaudit_schemas.errors import PlauditError

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.page.judging import JudgingActions, tried
from plaudit_producers.chat.page.layout import ChatPageParts
from plaudit_producers.chat.page.panel_drawing import Drawing
from plaudit_producers.chat.page.screen import Screen
from plaudit_producers.chat.page.tab import TabState
from plaudit_producers.chat.page.view import log_messages, shown_ids
from plaudit_producers.chat.page.visits import visit
from plaudit_producers.chat.recorder import Preference
from plaudit_producers.chat.session import ChatSession

_FRAME_S: Final = 0.05
"""Between two drawings of a growing answer. Each costs by the length of the chat."""


class ChatActions:
    """The actions in the chat. Their arguments are the values of the parts that `wiring.py` names.

    `shown` is what the browser showed when somebody clicked (`view.marks`), and an index counts its messages:
    the chat may be another by now.
    """

    def __init__(
        self,
        core: ChatCore,
        parts: ChatPageParts,
        screen: Screen,
        judging: JudgingActions,
        stopping: Callable[[], bool],
    ) -> None:
        self._core, self._parts, self._screen, self._judging = core, parts, screen, judging
        self._stopping = stopping
        self._choices = random.SystemRandom()

    async def load(self, tab: TabState, model_key: str, request: gr.Request) -> AsyncIterator[Drawing]:
        """A page was opened. The visitor may have been here before, and an answer may be on its way."""
        session = await visit(self._core, request, loading=True)
        yield {**self._screen.everything(session, tab), **self._system_prompt(session, model_key)}
        async for drawn in self._follow(session, tab):
            yield drawn

    async def send(
        self, tab: TabState, text: str, model_key: str, side_by_side: bool, request: gr.Request
    ) -> AsyncIterator[Drawing]:
        """The person said something."""
        session = await visit(self._core, request)
        model_keys = self._asked(model_key, side_by_side=side_by_side)
        problem = tried(lambda: session.ask(text, model_keys))
        tab.go_on(problem)
        drawn = self._screen.everything(session, tab, problem)
        yield drawn if problem else {**drawn, self._parts.talk.prompt: ""}
        if problem is None:
            async for drawn in self._follow(session, tab):
                yield drawn

    async def answer_again(
        self, tab: TabState, model_key: str, side_by_side: bool, request: gr.Request
    ) -> AsyncIterator[Drawing]:
        """The person wants an answer, or another one: see `TabState.to_answer_again`."""
        session = await visit(self._core, request)
        message_id = tab.to_answer_again(log_messages(session.transcript, session.pair))
        model_keys = self._asked(model_key, side_by_side=side_by_side)
        problem = tried(lambda: session.regenerate(message_id, model_keys)) if message_id else None
        tab.go_on(problem)
        yield self._screen.everything(session, tab, problem)
        if problem is None:
            async for drawn in self._follow(session, tab):
                yield drawn

    async def edit(
        self,
        tab: TabState,
        shown: str,
        model_key: str,
        send_it: int,
        data: gr.EditData,
        request: gr.Request,
    ) -> AsyncIterator[Drawing]:
        """A message was edited: an answer is corrected, and a message of the person's is asked anew."""
        session = await visit(self._core, request)
        message = session.transcript.messages.get(clicked(shown, data.index) or "")
        if message is None or message.role != "user":
            message_id = None if message is None else message.id
            yield self._judging.edit_answer(session, tab, message_id, str(data.value), send_it)
            return
        problem = tried(lambda: session.ask(str(data.value), [model_key], instead_of=message.id))
        tab.go_on(problem)
        yield self._screen.everything(session, tab, problem)
        if problem is None:
            async for drawn in self._follow(session, tab):
                yield drawn

    async def stop(self, request: gr.Request) -> None:
        """The person has seen enough. What follows the answer draws its end."""
        session = await visit(self._core, request)
        await session.stop()

    async def clear(self, tab: TabState, model_key: str, request: gr.Request) -> Drawing:
        """The chat is over."""
        session = await visit(self._core, request)
        problem = None
        try:
            await session.clear()
        except PlauditError as error:
            problem = str(error)
        return {**self._screen.everything(session, tab, problem), **self._system_prompt(session, model_key)}

    async def vote(self, tab: TabState, preference: Preference, request: gr.Request) -> Drawing:
        """The person said which of two answers is better."""
        return await self._do(tab, request, lambda session: session.vote(preference))

    async def like(self, tab: TabState, shown: str, data: gr.LikeData, request: gr.Request) -> Drawing:
        """A thumb was clicked. A second click on a lit one takes it back: Gradio says '' then."""
        message_id = clicked(shown, data.index)
        value = data.liked if isinstance(data.liked, bool) else None

        def judge(session: ChatSession) -> None:
            if message_id in session.transcript.messages:
                session.judge(message_id, "thumb", value)
                tab.selected_id = message_id
                tab.disliked_id = message_id if value is False else None

        return await self._do(tab, request, judge)

    async def select(self, tab: TabState, shown: str, data: gr.SelectData, request: gr.Request) -> Drawing:
        """A message was clicked: the panel turns to it."""
        session = await visit(self._core, request)
        tab.selected_id = clicked(shown, data.index)
        return self._screen.everything(session, tab)

    async def redraw(self, tab: TabState, request: gr.Request) -> Drawing:
        """An older drawing came after a newer one, so the page may show what is past."""
        session = await visit(self._core, request)
        tab.panel = None
        return self._screen.everything(session, tab)

    async def show_version(self, tab: TabState, step: int, request: gr.Request) -> Drawing:
        """The person wants to see the answer before or after this one to the same message."""

        def turn(session: ChatSession) -> None:
            message = tab.selected(log_messages(session.transcript, session.pair))
            if message is None:
                return
            versions = session.transcript.siblings(message.id)
            at = versions.index(message.id) + step
            if 0 <= at < len(versions) and not session.busy:
                session.transcript.show(versions[at])
                tab.selected_id = versions[at]

        return await self._do(tab, request, turn)

    async def set_consent(self, tab: TabState, consent: Consent, request: gr.Request) -> Drawing:
        """The person said whether their chats may be used."""
        return await self._do(tab, request, lambda session: session.set_consent(consent))

    async def set_system_prompt(
        self, tab: TabState, text: str, model_key: str, request: gr.Request
    ) -> Drawing:
        """The person wrote a system prompt. A chat that has begun goes on as a new one."""
        session = await visit(self._core, request)
        problem = None
        try:
            await session.set_system_prompt(None if text == self._own_prompt(model_key) else text)
        except PlauditError as error:
            problem = str(error)
        return self._screen.everything(session, tab, problem)

    async def choose_model(self, model_key: str, request: gr.Request) -> Drawing:
        """The person chose a model, which may have a system prompt of its own."""
        return self._system_prompt(await visit(self._core, request), model_key)

    async def _do(self, tab: TabState, request: gr.Request, action: Callable[[ChatSession], None]) -> Drawing:
        session = await visit(self._core, request)
        problem = tried(lambda: action(session))
        return self._screen.everything(session, tab, problem)

    async def _follow(self, session: ChatSession, tab: TabState) -> AsyncIterator[Drawing]:
        """Draw while answers are being written, and once more. One may have ended since the last drawing."""
        async for _ in session.growth():
            if self._stopping():  # the server waits for streams to end
                return
            yield self._screen.growing(session, tab)
            await asyncio.sleep(_FRAME_S)
        yield self._screen.everything(session, tab)

    def _asked(self, model_key: str, *, side_by_side: bool) -> Sequence[str]:
        """The chosen model, and another one beside it. A single model answers twice."""
        if not side_by_side or not self._core.questions.may_compare:
            return [model_key]
        others = [model.key for model in self._core.models if model.key != model_key]
        return [model_key, self._choices.choice(others) if others else model_key]

    def _system_prompt(self, session: ChatSession, model_key: str) -> Drawing:
        text = session.system_prompt
        return {self._parts.settings.system_prompt: self._own_prompt(model_key) if text is None else text}

    def _own_prompt(self, model_key: str) -> str:
        return next((model.system_prompt for model in self._core.models if model.key == model_key), "")


def clicked(shown: str, index: int | tuple[int, int]) -> str | None:
    """The id of the message that was clicked in a browser."""
    ids = shown_ids(shown)
    at = index if isinstance(index, int) else index[0]
    return ids[at] if 0 <= at < len(ids) else None
