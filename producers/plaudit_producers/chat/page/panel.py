"""The panel beside the chat: what is asked of one message, and of the whole chat."""

from dataclasses import dataclass
from typing import Any, Final

import gradio as gr
from plaudit_schemas.contract.field_types import ValueKind

from plaudit_producers.chat.questions import ChatQuestion, ChatQuestions, QuestionKind
from plaudit_producers.chat.recorder import SATISFACTION
from plaudit_producers.chat.transcript import JudgementValue

UP: Final = "up"
DOWN: Final = "down"
_KINDS: Final[dict[QuestionKind, ValueKind]] = {
    "thumb": "thumb",
    "stars": "number",
    "labels": "label",
    "text": "text",
    "correction": "correction",
}


@dataclass(frozen=True, slots=True)
class QuestionParts:
    """A question and what answers it.

    Attributes:
        take_back: None if emptying the widget takes the answer back.
    """

    question: ChatQuestion
    widget: Any
    take_back: gr.Button | None


@dataclass(frozen=True, slots=True)
class CorrectionParts:
    """How an answer is corrected."""

    group: gr.Accordion
    text: gr.Textbox
    send_it: gr.Radio
    take_back: gr.Button


@dataclass(frozen=True, slots=True)
class PanelParts:
    """The panel.

    Attributes:
        about: which message it is about.
        versions: the row that switches between several answers to one message.
        reasoning: what a model thought before its answer, if it says so.
    """

    about: gr.HTML
    versions: gr.Row
    earlier: gr.Button
    version: gr.HTML
    later: gr.Button
    reasoning: gr.Accordion
    thoughts: gr.Markdown
    answer: gr.Column
    on_answer: list[QuestionParts]
    correction: CorrectionParts | None
    prompt: gr.Column
    on_prompt: list[QuestionParts]
    on_chat: list[QuestionParts]


def put_panel(questions: ChatQuestions) -> PanelParts:
    """Put the panel on the page. Call it where it belongs."""
    with gr.Accordion("This message", open=True, elem_id="message-panel"):
        about = gr.HTML(elem_id="about", apply_default_css=False)
        with gr.Row(elem_id="versions", visible=False) as versions:
            earlier = gr.Button("‹ Earlier", size="sm", min_width=70)
            version = gr.HTML(apply_default_css=False)
            later = gr.Button("Later ›", size="sm", min_width=70)
        with gr.Accordion("Reasoning", open=False, visible=False) as reasoning:
            thoughts = gr.Markdown(elem_id="thoughts")
        with gr.Column(visible=False) as answer:
            on_answer = [put_question(one) for one in questions.on_answer if _is_in_panel(one)]
            correction = _put_correction() if questions.may_correct else None
        with gr.Column(visible=False) as prompt:
            on_prompt = [put_question(one) for one in questions.on_prompt]
    on_chat = []
    if questions.on_chat:
        with gr.Accordion("The whole chat", open=False, elem_id="chat-panel"):
            on_chat = [put_question(one) for one in questions.on_chat]
    return PanelParts(
        about=about, versions=versions, earlier=earlier, version=version, later=later, reasoning=reasoning,
        thoughts=thoughts, answer=answer, on_answer=on_answer, correction=correction, prompt=prompt,
        on_prompt=on_prompt, on_chat=on_chat,
    )  # fmt: skip


def put_question(question: ChatQuestion) -> QuestionParts:
    """Put one question on the page."""
    with gr.Column(elem_classes="question"):
        widget = _widget(question)
        if question.kind in ("labels", "text"):
            return QuestionParts(question, widget, None)
        return QuestionParts(question, widget, gr.Button("Take back", size="sm", scale=0, visible=False))


def kind_of(question: ChatQuestion) -> ValueKind:
    """The kind of the feedback that answers a question."""
    return _KINDS[question.kind]


def value_said(question: ChatQuestion, value: Any) -> JudgementValue | None:
    """What a widget's value says; None if it says nothing."""
    if value is None:
        return None
    match question.kind:
        case "thumb":
            return bool(value == UP)
        case "stars":
            return float(value)
        case "labels":
            return tuple(str(label) for label in value)
    return str(value)


def widget_value(question: ChatQuestion, said: JudgementValue | None) -> Any:
    """What a widget shows for what was said."""
    if said is None:
        return {"labels": [], "text": ""}.get(question.kind)
    match question.kind:
        case "thumb":
            return UP if said else DOWN
        case "labels":
            return list(said) if isinstance(said, tuple) else []
    return said


def _widget(question: ChatQuestion) -> Any:
    text = question.text
    match question.kind:
        case "thumb":
            return gr.Radio([("👍 Good", UP), ("👎 Bad", DOWN)], label=text)
        case "stars":
            return _scale(question)
        case "labels" if question.labels:
            return gr.CheckboxGroup(list(question.labels), label=text)
        case "labels":
            return gr.Dropdown([], multiselect=True, allow_custom_value=True, label=text)
    return gr.Textbox(label=text, lines=1, max_lines=8, submit_btn="Save", max_length=20_000)


def _scale(question: ChatQuestion) -> Any:
    if (question.minimum, question.maximum) == (1, 5):
        stars = [("1 star", 1.0), *((f"{number} stars", float(number)) for number in range(2, 6))]
        return gr.Radio(stars, label=question.text, elem_classes="stars")
    return gr.Radio([(f"{step:g}", float(step)) for step in question.steps], label=question.text)


def _put_correction() -> CorrectionParts:
    with gr.Accordion("Correct it", open=False, elem_id="correction") as group:
        text = gr.Textbox(
            label="What it should have said", lines=4, max_lines=16, submit_btn="Save", max_length=200_000
        )
        send_it = gr.Radio(
            [("your correction", 1), ("its own answer", 0)],
            label="What the model is sent from now on", value=1,
        )  # fmt: skip
        take_back = gr.Button("Take the correction back", size="sm", visible=False)
    return CorrectionParts(group, text, send_it, take_back)


def _is_in_panel(question: ChatQuestion) -> bool:
    """Thumbs for satisfaction stand below each answer, and correcting has a place of its own."""
    return question.kind != "correction" and (question.kind, question.aspect) != ("thumb", SATISFACTION)
