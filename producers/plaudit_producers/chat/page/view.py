"""What the page shows of a chat, as values for its parts. Pure."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from plaudit_producers.chat.prompts import CORRECTION_ASPECT
from plaudit_producers.chat.recorder import SATISFACTION
from plaudit_producers.chat.side_by_side import SideBySide
from plaudit_producers.chat.transcript import Transcript, TranscriptMessage

LIKE: Final = "Like"
DISLIKE: Final = "Dislike"
_QUOTE_CHARACTERS: Final = 90
_WAITING: Final = "…"


def open_pair(pair: SideBySide | None) -> SideBySide | None:
    """The two answers that stand side by side; None once there was a vote, or none can be."""
    return None if pair is None or pair.revealed else pair


def log_messages(transcript: Transcript, pair: SideBySide | None) -> list[TranscriptMessage]:
    """The messages in the log of the chat: neither system prompts, nor answers that stand side by side."""
    pair = open_pair(pair)
    aside = () if pair is None else (pair.left_id, pair.right_id)
    return [one for one in transcript.path() if one.role != "system" and one.id not in aside]


def log_value(messages: Sequence[TranscriptMessage]) -> list[dict[str, Any]]:
    """Messages for a `gr.Chatbot`. As a plain string, Gradio would strip and dedent a text."""
    return [
        {
            "role": "user" if message.role == "user" else "assistant",
            "content": [{"type": "text", "text": _text(message)}],
            "metadata": {"id": message.id},
        }
        for message in messages
    ]


def thumbs(transcript: Transcript, messages: Sequence[TranscriptMessage]) -> list[str | None]:
    """The thumb of each answer in the log, for `feedback_value`. Gradio counts answers, not messages."""
    return [_thumb(transcript, message) for message in messages if message.role != "user"]


def marks(
    transcript: Transcript,
    messages: Sequence[TranscriptMessage],
    selected_id: str | None,
    model_names: Mapping[str, str],
    *,
    drawn: int,
) -> str:
    """HTML that holds what `chat.js` writes on the messages of the log, in their order, and into a cookie.

    It also has the thumb that the server holds for each: Gradio lights one before the server has it.

    Args:
        drawn: grows with each drawing of a tab.
    """
    facts = [
        {
            "id": message.id,
            "answer": message.role != "user",
            "done": message.status != "partial",
            "note": note_of(transcript, message, model_names),
            "problem": message.error is not None,
            "selected": message.id == selected_id,
            "thumb": _thumb(transcript, message),
        }
        for message in messages
    ]
    shown, consent = html.escape(json.dumps(facts, ensure_ascii=False)), transcript.opening.consent
    return f'<span data-shown="{shown}" data-consent="{consent}" data-drawn="{drawn}"></span>'


def note_of(transcript: Transcript, message: TranscriptMessage, model_names: Mapping[str, str]) -> str:
    """The line below a message: what failed, who wrote it, and which of several versions it is."""
    found = []
    if message.error is not None:
        found.append(message.error)
    elif message.status == "cut":
        found.append("Stopped here")
    if message.model_key is not None and len(model_names) > 1:
        found.append(model_names.get(message.model_key, message.model_key))
    versions = transcript.siblings(message.id)
    if len(versions) > 1:
        found.append(f"{versions.index(message.id) + 1} of {len(versions)}")
    if corrected(transcript, message) is not None:
        found.append("corrected by you")
    return " · ".join(found)


def corrected(transcript: Transcript, message: TranscriptMessage) -> str | None:
    """The person's correction of an answer, if there is one."""
    said = transcript.said(message.id, CORRECTION_ASPECT, "correction")
    return said if isinstance(said, str) else None


def about_html(message: TranscriptMessage | None) -> str:
    """Which message the panel is about: its beginning, on one line."""
    if message is None:
        return "Click a message to say something about it."
    if message.status == "partial":
        return "The answer that is being written"
    line = " ".join(message.content.split())
    quoted = line if len(line) <= _QUOTE_CHARACTERS else line[: _QUOTE_CHARACTERS - 1] + "…"
    whose = "Your message" if message.role == "user" else "The answer"
    return f"{whose}: <q dir=auto>{html.escape(quoted)}</q>"


def pair_heading(transcript: Transcript, pair: SideBySide, *, busy: bool) -> str:
    """What stands above two answers: what is asked, and why one of them is not whole."""
    lines = [f"<h3>{'Both answers are being written …' if busy else 'Which answer is better?'}</h3>"]
    for name, message_id in (("A", pair.left_id), ("B", pair.right_id)):
        error = transcript.messages[message_id].error
        if error is not None:
            lines.append(f'<div class="problem" role="alert">Answer {name}: {html.escape(error)}</div>')
    return "".join(lines)


def uncompared_text(transcript: Transcript, pair: SideBySide | None) -> str | None:
    """Why nobody is asked which of two answers is better, as a sentence; None if they are, or were."""
    if pair is None or not pair.closed:
        return None
    pair_ids = (pair.left_id, pair.right_id)
    answers = [transcript.messages[one] for one in pair_ids]
    without = [answer for answer in answers if not answer.content.strip()]
    if not without:
        return None
    if len(without) == len(answers):
        return "Neither answer has words, so there is nothing to compare."
    return f"The other answer has no words, so there is nothing to compare. {without[0].error or ''}".strip()


def revealed_text(transcript: Transcript, pair: SideBySide | None, model_names: Mapping[str, str]) -> str:
    """Which models wrote the two answers, once there was a vote on them."""
    if pair is None or pair.preference is None:
        return ""
    names = []
    for message_id in (pair.left_id, pair.right_id):
        model_key = transcript.messages[message_id].model_key or ""
        names.append(model_names.get(model_key, model_key))
    return f"Answer A was from {names[0]}, answer B from {names[1]}."


def notice_html(problem: str | None, hint: str) -> str:
    """The line below the chat: what went wrong last, else a hint."""
    if problem:
        return f'<div class="problem" role="alert">{html.escape(problem)}</div>'
    return f'<div class="hint">{html.escape(hint)}</div>' if hint else ""


def shown_ids(shown: str) -> list[str]:
    """The ids of the messages that a browser shows, from what `marks` gave it. Empty for anything else."""
    _, _, rest = shown.partition('data-shown="')
    text, found, _ = rest.partition('"')
    try:
        facts = json.loads(html.unescape(text)) if found else []
        return [str(fact["id"]) for fact in facts]
    except (ValueError, TypeError, KeyError):
        return []


def _thumb(transcript: Transcript, message: TranscriptMessage) -> str | None:
    said = transcript.said(message.id, SATISFACTION, "thumb")
    return None if said is None else LIKE if said else DISLIKE


def _text(message: TranscriptMessage) -> str:
    if message.status == "partial" and not message.content:
        return _WAITING
    return message.content
