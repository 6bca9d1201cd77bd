"""What happens when somebody judges: answers a question, or corrects an answer."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import gradio as gr
from plaudit_schemas.errors import PlauditError

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.page.layout import ChatPageParts
from plaudit_producers.chat.page.panel import QuestionParts, kind_of, value_said
from plaudit_producers.chat.page.panel_drawing import Drawing, draw_answers, draw_correction
from plaudit_producers.chat.page.screen import Screen
from plaudit_producers.chat.page.tab import TabState
from plaudit_producers.chat.page.visits import visit
from plaudit_producers.chat.session import ChatSession

Target = Literal["panel", "disliked", "chat"]
"""What a question is about: the panel's message, the answer that was disliked last, or the whole chat."""

_GONE: Final = "This message is no longer in the chat: another tab may have cleared it."


class JudgingActions:
    """The actions of the panel, and of the question after a dislike."""

    def __init__(self, core: ChatCore, parts: ChatPageParts, screen: Screen) -> None:
        self._core, self._parts, self._screen = core, parts, screen

    async def answer(
        self, tab: TabState, parts: QuestionParts, target: Target, value: Any, request: gr.Request
    ) -> Drawing:
        """A question was answered; with an empty value the answer is taken back."""
        session = await visit(self._core, request)
        about = _target(session, tab, target)
        if about is None:
            return self._screen.afresh(session, tab, _GONE)
        problem = tried(lambda: _judge(session, about[0], parts, value))
        drawn = draw_answers(session.transcript, [parts], about[0])
        return {**self._screen.notice(session, problem), **drawn}

    async def finish_disliked(self, tab: TabState, values: Sequence[Any], request: gr.Request) -> Drawing:
        """The person has said what was wrong."""
        session = await visit(self._core, request)
        about = _target(session, tab, "disliked")

        def judge() -> None:
            for parts, value in zip(self._parts.wrong.questions, values, strict=True):
                if about is not None:
                    _judge(session, about[0], parts, value)

        problem = tried(judge)
        if problem is None:
            tab.disliked_id = tab.panel = None
        return self._screen.everything(session, tab, problem)

    async def correct(self, tab: TabState, text: str, send_it: int, request: gr.Request) -> Drawing:
        """The panel's answer was corrected, or its correction taken back with an empty text."""
        session = await visit(self._core, request)
        about = _target(session, tab, "panel")
        message_id = None if about is None else about[0]
        return self._correct(session, tab, message_id, text, send_it)

    def edit_answer(
        self, session: ChatSession, tab: TabState, message_id: str | None, text: str, send_it: int
    ) -> Drawing:
        """An answer was edited in the chat: a correction, too."""
        tab.selected_id = message_id
        return self._correct(session, tab, message_id, text, send_it)

    async def choose_sent(self, tab: TabState, send_it: int, request: gr.Request) -> None:
        """The person chose what models are sent of an answer. Without a correction it is the answer."""
        session = await visit(self._core, request)
        about = _target(session, tab, "panel")
        if about is not None and about[0] is not None:
            session.transcript.messages[about[0]].send_correction = bool(send_it)

    def _correct(
        self, session: ChatSession, tab: TabState, message_id: str | None, text: str, send_it: int
    ) -> Drawing:
        message = session.transcript.messages.get(message_id or "")
        if message is None or message.role != "assistant":
            return self._screen.afresh(session, tab, _GONE)
        transcript = session.transcript
        problem = tried(lambda: session.correct(message.id, text, send_correction=bool(send_it)))
        drawn = self._screen.everything(session, tab, problem)
        if self._parts.panel.correction is not None:
            drawn |= draw_correction(self._parts.panel.correction, transcript, message)
        return drawn


def _judge(session: ChatSession, message_id: str | None, parts: QuestionParts, value: Any) -> None:
    question = parts.question
    session.judge(
        message_id,
        kind_of(question),
        value_said(question, value),
        aspect=question.aspect,
        scale=(question.minimum, question.maximum),
    )


def _target(session: ChatSession, tab: TabState, target: Target) -> tuple[str | None] | None:
    """The message's id, or None for the whole chat; no tuple if the chat does not have it any more."""
    if target == "chat":
        return (None,)
    panel_id = None if tab.panel is None else tab.panel[0]
    message_id = panel_id if target == "panel" else tab.disliked_id
    return (message_id,) if message_id in session.transcript.messages else None


def tried(action: Callable[[], object]) -> str | None:
    """Do it. Returns a sentence for the person if it could not be done."""
    try:
        action()
    except PlauditError as error:
        return str(error)
    return None
