"""Draw the panel: what was said of a message, and of the whole chat."""

from collections.abc import Iterable
from typing import Any

import gradio as gr

from plaudit_producers.chat.page.panel import (
    CorrectionParts,
    PanelParts,
    QuestionParts,
    kind_of,
    widget_value,
)
from plaudit_producers.chat.page.tab import TabState
from plaudit_producers.chat.page.view import about_html, corrected
from plaudit_producers.chat.transcript import Transcript, TranscriptMessage

Drawing = dict[Any, Any]
"""A part of the page -> what Gradio is to make of it."""


def draw_panel(
    parts: PanelParts, transcript: Transcript, message: TranscriptMessage | None, tab: TabState
) -> Drawing:
    """The panel for a message. What is typed and not saved stays, unless it turns to another message."""
    role, reasoning = (None, "") if message is None else (message.role, message.reasoning)
    drawn: Drawing = {
        parts.about: about_html(message),
        parts.answer: gr.update(visible=role == "assistant"),
        parts.prompt: gr.update(visible=role == "user"),
        parts.reasoning: gr.update(visible=bool(reasoning)),
        parts.thoughts: reasoning,
        **_versions(parts, transcript, message),
    }
    shown = None if message is None else (message.id, message.status)
    if shown is None or shown != tab.panel:
        tab.panel = shown
        message_id = None if message is None else message.id
        drawn |= draw_answers(transcript, [*parts.on_answer, *parts.on_prompt], message_id)
        drawn |= draw_answers(transcript, parts.on_chat, None)
        if parts.correction is not None and message is not None:
            drawn |= draw_correction(parts.correction, transcript, message)
    return drawn


def draw_answers(
    transcript: Transcript, questions: Iterable[QuestionParts], message_id: str | None
) -> Drawing:
    """What was said to each question, of a message or of the whole chat."""
    drawn: Drawing = {}
    for parts in questions:
        question = parts.question
        said = transcript.said(message_id, question.aspect, kind_of(question))
        drawn[parts.widget] = gr.update(value=widget_value(question, said))
        if parts.take_back is not None:
            drawn[parts.take_back] = gr.update(visible=said is not None)
    return drawn


def draw_correction(parts: CorrectionParts, transcript: Transcript, message: TranscriptMessage) -> Drawing:
    """The correction of an answer; its own text where there is none."""
    said = corrected(transcript, message)
    return {
        parts.text: gr.update(value=message.content if said is None else said),
        parts.send_it: gr.update(value=int(message.send_correction) if said is not None else 1),
        parts.take_back: gr.update(visible=said is not None),
    }


def _versions(parts: PanelParts, transcript: Transcript, message: TranscriptMessage | None) -> Drawing:
    versions = [] if message is None else transcript.siblings(message.id)
    if message is None or len(versions) < 2:
        return {parts.versions: gr.update(visible=False)}
    at = versions.index(message.id)
    return {
        parts.versions: gr.update(visible=True),
        parts.earlier: gr.update(interactive=at > 0),
        parts.version: f"{at + 1} of {len(versions)}",
        parts.later: gr.update(interactive=at + 1 < len(versions)),
    }
