"""Draw a chat: what each part of the page shows of it."""

from typing import Any, Final

import gradio as gr

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.page.layout import ChatPageParts, rates_with_thumbs
from plaudit_producers.chat.page.panel_drawing import Drawing, draw_answers, draw_panel
from plaudit_producers.chat.page.tab import TabState
from plaudit_producers.chat.page.view import (
    log_messages,
    log_value,
    marks,
    notice_html,
    open_pair,
    pair_heading,
    revealed_text,
    thumbs,
    uncompared_text,
)
from plaudit_producers.chat.session import ChatSession

_BUILT_IN_HINT: Final = "No model is connected; the built-in responder answers, so that you can try the page."


class Screen:
    """Draws the page's parts for a chat and a tab."""

    def __init__(self, core: ChatCore, parts: ChatPageParts) -> None:
        self._parts = parts
        self._names = {model.key: model.name for model in core.models}
        self._thumbs = rates_with_thumbs(core.questions)
        self._hint = _BUILT_IN_HINT if all(model.kind == "builtin" for model in core.models) else ""

    def everything(self, session: ChatSession, tab: TabState, problem: str | None = None) -> Drawing:
        """All parts, after somebody acted.

        Args:
            problem: why what they wanted was not done.
        """
        transcript = session.transcript
        tab.forget_missing(transcript)
        selected = tab.selected(log_messages(transcript, session.pair))
        return {
            **self.growing(session, tab),
            **self._around(session, problem),
            **self._wrong(session, tab),
            **draw_panel(self._parts.panel, transcript, selected, tab),
        }

    def afresh(self, session: ChatSession, tab: TabState, problem: str) -> Drawing:
        """All parts, after somebody acted on what is no longer there."""
        tab.panel = None
        return self.everything(session, tab, problem)

    def growing(self, session: ChatSession, tab: TabState) -> Drawing:
        """The parts that change while answers are being written."""
        transcript, talk = session.transcript, self._parts.talk
        messages = log_messages(transcript, session.pair)
        selected = tab.selected(messages)
        log: dict[str, Any] = {"value": log_value(messages)}
        tab.drawn += 1
        if self._thumbs:  # Gradio forgets the thumbs whenever the log changes
            log["feedback_value"] = thumbs(transcript, messages)
        return {
            talk.log: gr.update(**log),
            talk.shown: marks(
                transcript,
                messages,
                selected.id if selected is not None else None,
                self._names,
                drawn=tab.drawn,
            ),
            **self._pair(session),
        }

    def notice(self, session: ChatSession, problem: str | None = None) -> Drawing:
        """The line below the chat."""
        transcript, pair = session.transcript, session.pair
        hint = revealed_text(transcript, pair, self._names) or self._hint
        problem = problem or session.notice or uncompared_text(transcript, pair)
        return {self._parts.talk.notice: notice_html(problem, hint)}

    def _around(self, session: ChatSession, problem: str | None) -> Drawing:
        talk, settings = self._parts.talk, self._parts.settings
        consent = session.consent
        asked = consent not in ("granted", "denied")
        said = bool(log_messages(session.transcript, session.pair))
        may_repeat = said and not session.busy and open_pair(session.pair) is None
        return {
            **self.notice(session, problem),
            talk.stop: gr.update(visible=session.busy),
            talk.again: gr.update(visible=may_repeat),
            self._parts.consent.group: gr.update(visible=asked),
            settings.consent: None if asked else consent,
        }

    def _pair(self, session: ChatSession) -> Drawing:
        pair, parts = open_pair(session.pair), self._parts.pair
        if pair is None:
            return {parts.group: gr.update(visible=False)}
        messages = session.transcript.messages
        return {
            parts.group: gr.update(visible=True),
            parts.heading: pair_heading(session.transcript, pair, busy=session.busy),
            parts.left: log_value([messages[pair.left_id]]),
            parts.right: log_value([messages[pair.right_id]]),
            parts.votes: gr.update(visible=not session.busy),
        }

    def _wrong(self, session: ChatSession, tab: TabState) -> Drawing:
        parts = self._parts.wrong
        asked = tab.disliked_id is not None and bool(parts.questions)
        drawn: Drawing = {parts.group: gr.update(visible=asked)}
        return drawn | draw_answers(session.transcript, parts.questions, tab.disliked_id) if asked else drawn
