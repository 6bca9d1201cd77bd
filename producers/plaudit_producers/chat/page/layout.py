"""The parts of the page and where they stand. What they show comes from `screen.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import gradio as gr

from plaudit_producers.chat.core import ChatCore
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.page.panel import PanelParts, QuestionParts, put_panel, put_question
from plaudit_producers.chat.page.tab import TabState
from plaudit_producers.chat.questions import ChatQuestion, ChatQuestions
from plaudit_producers.chat.recorder import SATISFACTION, Preference

VOTES: Final[dict[Preference, str]] = {
    "left": "A is better",
    "right": "B is better",
    "tie": "Equally good",
    "both_bad": "Both are bad",
}
"""What a person may say of two answers, with the words on the buttons."""

CONSENTS: Final = {"granted": "Yes", "denied": "No"}
CONSENT_QUESTION: Final = "May what you write here, and what you say of the answers, be used to train models?"
_FILTER_FROM: Final = 9
"""So many models are found by typing rather than by looking."""
_LONGEST_PROMPT: Final = 200_000


@dataclass(frozen=True, slots=True)
class TopParts:
    """What stands above the chat."""

    model: gr.Dropdown
    side_by_side: gr.Checkbox
    clear: gr.Button


@dataclass(frozen=True, slots=True)
class ConsentParts:
    """The question that is asked once."""

    group: gr.Column
    buttons: dict[str, gr.Button]


@dataclass(frozen=True, slots=True)
class PairParts:
    """Two answers side by side, and the vote."""

    group: gr.Column
    left: gr.Chatbot
    right: gr.Chatbot
    heading: gr.HTML
    votes: gr.Row
    buttons: dict[Preference, gr.Button]


@dataclass(frozen=True, slots=True)
class WrongParts:
    """The question right after a dislike."""

    group: gr.Column
    questions: list[QuestionParts]
    done: gr.Button


@dataclass(frozen=True, slots=True)
class TalkParts:
    """The chat itself.

    Attributes:
        shown: for scripts and handlers: which messages the log shows (`view.marks`).
        redraw: clicked by `chat.js` where an older drawing came after a newer one.
    """

    log: gr.Chatbot
    shown: gr.HTML
    redraw: gr.Button
    notice: gr.HTML
    prompt: gr.Textbox
    stop: gr.Button
    again: gr.Button


@dataclass(frozen=True, slots=True)
class SettingParts:
    """What a person may set."""

    system_prompt: gr.Textbox
    consent: gr.Radio


@dataclass(frozen=True, slots=True)
class ChatPageParts:
    """Everything on the page.

    Attributes:
        tab: the state of one browser tab, a TabState.
    """

    tab: gr.State
    top: TopParts
    consent: ConsentParts
    talk: TalkParts
    pair: PairParts
    wrong: WrongParts
    panel: PanelParts
    settings: SettingParts


def put_page(core: ChatCore) -> ChatPageParts:
    """Put all parts on the page. Call it in a `gr.Blocks`."""
    questions = core.questions
    tab = gr.State(TabState())
    top = _put_top(core.settings.chat_title, core.models, may_compare=questions.may_compare)
    with gr.Row(elem_id="body", equal_height=False):
        with gr.Column(scale=3, min_width=320, elem_id="talk"):
            consent = _put_consent()
            log, shown, redraw = _put_log(questions)
            pair = _put_pair()
            wrong = _put_wrong(questions.what_was_wrong)
            talk = _put_composer(log, shown, redraw)
        with gr.Column(scale=1, min_width=320, elem_id="side"):
            panel = put_panel(questions)
            if core.guidelines:
                with gr.Accordion("Guidelines", open=True, elem_id="guidelines"):
                    gr.Markdown(core.guidelines, line_breaks=False)
            settings = _put_settings()
    return ChatPageParts(tab, top, consent, talk, pair, wrong, panel, settings)


def rates_with_thumbs(questions: ChatQuestions) -> bool:
    """Whether each answer has the two thumbs."""
    return any(one.kind == "thumb" and one.aspect == SATISFACTION for one in questions.on_answer)


def _put_top(title: str, models: Sequence[ChatModel], *, may_compare: bool) -> TopParts:
    with gr.Row(elem_id="top"):
        gr.Markdown(f"# {title}", elem_id="brand")
        choices = [(model.name, model.key) for model in models]
        model = gr.Dropdown(
            choices,
            value=models[0].key, label="Model", elem_id="model", container=False, num_choices_shown=None,
            filterable=len(models) >= _FILTER_FROM, interactive=True, visible=len(models) > 1,
        )  # fmt: skip
        side_by_side = gr.Checkbox(
            label="Two answers side by side", elem_id="side-by-side", container=False, visible=may_compare
        )
        clear = gr.Button("Clear chat", elem_id="clear", size="md", scale=0)
    return TopParts(model, side_by_side, clear)


def _put_consent() -> ConsentParts:
    with gr.Column(elem_id="consent", elem_classes="asked", visible=False) as group:
        gr.Markdown(CONSENT_QUESTION + " You can change this at any time under “Settings”.")
        with gr.Row(elem_classes="buttons"):
            buttons = {value: gr.Button(text, size="md", scale=0) for value, text in CONSENTS.items()}
    return ConsentParts(group, buttons)


def _put_log(questions: ChatQuestions) -> tuple[gr.Chatbot, gr.HTML, gr.Button]:
    log = gr.Chatbot(
        label="Chat", show_label=False, elem_id="chat-log", height=None, buttons=["copy"],
        editable="all" if questions.may_correct else "user", group_consecutive_messages=False,
        placeholder="Write a message below. Then say what you think of the answer.",
    )  # fmt: skip
    shown = gr.HTML(elem_id="shown", visible="hidden", apply_default_css=False)
    return log, shown, gr.Button("Draw again", elem_id="redraw", visible="hidden")


def _put_pair() -> PairParts:
    with gr.Column(elem_id="pair", elem_classes="asked", visible=False) as group:
        heading = gr.HTML()
        with gr.Row(elem_id="answers"):
            left, right = (
                gr.Chatbot(
                    label=name, elem_classes="answer", height=None, buttons=[], min_width=240,
                    group_consecutive_messages=False, editable=None,
                )
                for name in ("Answer A", "Answer B")
            )  # fmt: skip
        with gr.Row(elem_classes="buttons") as votes:
            buttons = {preference: gr.Button(text, size="md") for preference, text in VOTES.items()}
    return PairParts(group, left, right, heading, votes, buttons)


def _put_wrong(questions: Sequence[ChatQuestion]) -> WrongParts:
    with gr.Column(elem_id="wrong", elem_classes="asked", visible=False) as group:
        parts = [put_question(question) for question in questions]
        with gr.Row(elem_classes="buttons"):
            done = gr.Button("Done", size="md", scale=0)
    return WrongParts(group, parts, done)


def _put_composer(log: gr.Chatbot, shown: gr.HTML, redraw: gr.Button) -> TalkParts:
    with gr.Row(elem_id="controls"):
        notice = gr.HTML(elem_id="notice", apply_default_css=False)
        stop = gr.Button("Stop", variant="stop", size="sm", scale=0, visible=False)
        again = gr.Button("Answer again", size="sm", scale=0, visible=False)
    prompt = gr.Textbox(
        label="Your message", show_label=False, placeholder="Your message", elem_id="prompt", container=False,
        lines=1, max_lines=8, submit_btn="Send", autofocus=True, max_length=_LONGEST_PROMPT,
    )  # fmt: skip
    return TalkParts(log, shown, redraw, notice, prompt, stop, again)


def _put_settings() -> SettingParts:
    with gr.Accordion("Settings", open=False, elem_id="settings"):
        system_prompt = gr.Textbox(
            label="System prompt", lines=3, max_lines=12, max_length=_LONGEST_PROMPT, submit_btn="Save",
            info="What the model is told first. With another one, a new chat begins.",
        )  # fmt: skip
        consent = gr.Radio([(text, value) for value, text in CONSENTS.items()], label=CONSENT_QUESTION)
    return SettingParts(system_prompt, consent)
