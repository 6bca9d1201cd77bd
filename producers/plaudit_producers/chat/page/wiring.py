"""Connects the parts of the page with what happens when somebody acts on them."""

from collections.abc import Callable
from typing import Any, Final

import gradio as gr

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.page.actions import ChatActions
from plaudit_producers.chat.page.judging import JudgingActions, Target
from plaudit_producers.chat.page.layout import ChatPageParts, rates_with_thumbs
from plaudit_producers.chat.page.panel import QuestionParts
from plaudit_producers.chat.page.panel_drawing import Drawing
from plaudit_producers.chat.page.screen import Screen
from plaudit_producers.chat.page.tab import TabState
from plaudit_producers.chat.recorder import Preference

_QUIET: Final[dict[str, Any]] = {
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "multiple",
}
"""No spinners over what people read, no API, and no click is lost because one before it is on its way."""


def wire(blocks: gr.Blocks, core: ChatCore, parts: ChatPageParts, stopping: Callable[[], bool]) -> None:
    """Connect everything. Call it in the page's `gr.Blocks`.

    Args:
        stopping: whether the server is stopping.
    """
    screen = Screen(core, parts)
    outputs = _outputs(parts)
    judging = JudgingActions(core, parts, screen)
    chat = ChatActions(core, parts, screen, judging, stopping)
    _wire_chat(blocks, parts, chat, outputs)
    _wire_log(core, parts, chat, outputs)
    _wire_settings(parts, chat, outputs)
    _wire_panel(parts, chat, judging, outputs)


def _wire_chat(blocks: gr.Blocks, parts: ChatPageParts, chat: ChatActions, outputs: list[Any]) -> None:
    tab, top, talk = parts.tab, parts.top, parts.talk
    blocks.load(chat.load, [tab, top.model], outputs, **_QUIET)
    talk.prompt.submit(chat.send, [tab, talk.prompt, top.model, top.side_by_side], outputs, **_QUIET)
    again = [tab, top.model, top.side_by_side]
    talk.again.click(chat.answer_again, again, outputs, **_QUIET)
    talk.log.retry(chat.answer_again, again, outputs, **_QUIET)
    talk.stop.click(chat.stop, None, None, **_QUIET)
    talk.redraw.click(chat.redraw, [tab], outputs, **_QUIET)
    top.clear.click(chat.clear, [tab, top.model], outputs, **_QUIET)
    talk.log.clear(chat.clear, [tab, top.model], outputs, **_QUIET)
    for preference, button in parts.pair.buttons.items():
        button.click(_voting(chat, preference), [tab], outputs, **_QUIET)


def _wire_log(core: ChatCore, parts: ChatPageParts, chat: ChatActions, outputs: list[Any]) -> None:
    tab, top, talk, correction = parts.tab, parts.top, parts.talk, parts.panel.correction
    talk.log.select(chat.select, [tab, talk.shown], outputs, **_QUIET)
    if rates_with_thumbs(core.questions):
        talk.log.like(chat.like, [tab, talk.shown], outputs, **_QUIET)
    send_it = gr.State(1) if correction is None else correction.send_it
    talk.log.edit(chat.edit, [tab, talk.shown, top.model, send_it], outputs, **_QUIET)


def _wire_settings(parts: ChatPageParts, chat: ChatActions, outputs: list[Any]) -> None:
    tab, top, settings = parts.tab, parts.top, parts.settings
    top.model.input(chat.choose_model, [top.model], outputs, **_QUIET)
    given = [tab, settings.system_prompt, top.model]
    settings.system_prompt.submit(chat.set_system_prompt, given, outputs, **_QUIET)
    settings.consent.input(chat.set_consent, [tab, settings.consent], outputs, **_QUIET)
    for consent, button in parts.consent.buttons.items():
        button.click(_consenting(chat, consent), [tab], outputs, **_QUIET)


def _wire_panel(parts: ChatPageParts, chat: ChatActions, judging: JudgingActions, outputs: list[Any]) -> None:
    tab, panel, wrong = parts.tab, parts.panel, parts.wrong
    for questions, target in _asked(parts):
        for question in questions:
            _wire_question(tab, question, judging, target, outputs)
    wrong.done.click(_finishing(judging), [tab, *(one.widget for one in wrong.questions)], outputs, **_QUIET)
    panel.earlier.click(_turning(chat, -1), [tab], outputs, **_QUIET)
    panel.later.click(_turning(chat, 1), [tab], outputs, **_QUIET)
    if panel.correction is not None:
        text, send_it = panel.correction.text, panel.correction.send_it
        text.submit(judging.correct, [tab, text, send_it], outputs, **_QUIET)
        send_it.input(judging.choose_sent, [tab, send_it], None, **_QUIET)
        panel.correction.take_back.click(_uncorrecting(judging), [tab], outputs, **_QUIET)


def _wire_question(
    tab: gr.State, parts: QuestionParts, judging: JudgingActions, target: Target, outputs: list[Any]
) -> None:
    async def answer(state: TabState, value: Any, request: gr.Request) -> Drawing:
        return await judging.answer(state, parts, target, value, request)

    async def take_back(state: TabState, request: gr.Request) -> Drawing:
        return await judging.answer(state, parts, target, None, request)

    given = parts.widget.submit if parts.question.kind == "text" else parts.widget.input
    given(answer, [tab, parts.widget], outputs, **_QUIET)
    if parts.take_back is not None:
        parts.take_back.click(take_back, [tab], outputs, **_QUIET)


def _asked(parts: ChatPageParts) -> list[tuple[list[QuestionParts], Target]]:
    panel = parts.panel
    return [
        (panel.on_answer + panel.on_prompt, "panel"),
        (panel.on_chat, "chat"),
        (parts.wrong.questions, "disliked"),
    ]


# Gradio fills in the request by its annotation, so what is fixed for a part comes from a closure.


def _voting(chat: ChatActions, preference: Preference) -> Any:
    async def vote(tab: TabState, request: gr.Request) -> Drawing:
        return await chat.vote(tab, preference, request)

    return vote


def _consenting(chat: ChatActions, consent: Any) -> Any:
    async def set_consent(tab: TabState, request: gr.Request) -> Drawing:
        return await chat.set_consent(tab, consent, request)

    return set_consent


def _turning(chat: ChatActions, step: int) -> Any:
    async def show_version(tab: TabState, request: gr.Request) -> Drawing:
        return await chat.show_version(tab, step, request)

    return show_version


def _finishing(judging: JudgingActions) -> Any:
    async def finish(tab: TabState, request: gr.Request, *values: Any) -> Drawing:
        return await judging.finish_disliked(tab, values, request)

    return finish


def _uncorrecting(judging: JudgingActions) -> Any:
    async def take_back(tab: TabState, request: gr.Request) -> Drawing:
        return await judging.correct(tab, "", 1, request)

    return take_back


def _outputs(parts: ChatPageParts) -> list[Any]:
    """Every part that may be drawn."""
    talk, pair, panel, settings = parts.talk, parts.pair, parts.panel, parts.settings
    found: list[Any] = [
        talk.log, talk.shown, talk.notice, talk.prompt, talk.stop, talk.again, parts.consent.group,
        pair.group, pair.heading, pair.left, pair.right, pair.votes, parts.wrong.group,
        panel.about, panel.versions, panel.earlier, panel.version, panel.later, panel.answer, panel.prompt,
        panel.reasoning, panel.thoughts,
        settings.system_prompt, settings.consent,
    ]  # fmt: skip
    if panel.correction is not None:
        found += [panel.correction.text, panel.correction.send_it, panel.correction.take_back]
    for questions, _ in _asked(parts):
        for question in questions:
            found += (
                [question.widget] if question.take_back is None else [question.widget, question.take_back]
            )
    return found
