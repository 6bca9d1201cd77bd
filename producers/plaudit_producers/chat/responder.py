"""The built-in responder: answers without any model, so that the page can be tried at once."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from plaudit_schemas.contract.events import TokenUsage

from plaudit_producers.chat.endpoints import AnswerDelta
from plaudit_producers.chat.models_file import ChatModel

_PIECE: Final = re.compile(r"\s*\S+")
_LONGEST: Final = 200
_MANNERS: Final = ("brief", "wordy")
PACE_S: Final = 0.03
"""Seconds between two words."""

BUILTIN_MODELS: Final = tuple(
    ChatModel(
        id=f"builtin-{manner}",
        version="1",
        label=f"Built-in responder, {manner} (no model)",
        kind="builtin",
    )
    for manner in _MANNERS
)
"""The models of a page without a models file. Two, so that answers can be compared."""


async def respond(
    model: ChatModel, turns: Sequence[dict[str, str]], pace_s: float = PACE_S
) -> AsyncGenerator[AnswerDelta]:
    """Answer without a model, word by word."""
    text = builtin_answer(model.id, [turn["content"] for turn in turns if turn["role"] == "user"])
    pieces = _PIECE.findall(text)
    for number, piece in enumerate(pieces):
        if number:
            await asyncio.sleep(pace_s)
        yield AnswerDelta(piece)
    words = sum(len(turn["content"].split()) for turn in turns)
    yield AnswerDelta(finish_reason="stop", usage=TokenUsage(input=words, output=len(pieces)))


def builtin_answer(model_id: str, prompts: Sequence[str]) -> str:
    """The answer to the last of the prompts.

    Args:
        prompts: what the person said so far.
    """
    last = " ".join(prompts[-1].split()) if prompts else ""
    shown = last if len(last) <= _LONGEST else f"{last[:_LONGEST]}..."
    words = len(last.split())
    counted = f"{words} word" if words == 1 else f"{words} words"
    if not model_id.endswith("wordy"):
        return f"(No model.) You wrote: {shown}"
    return (
        f"I am Plaudit's built-in responder, and no model is behind me. Your message number {len(prompts)} "
        f"has {counted}. You wrote: {shown}\n\nJudge this answer as you would any other: like it, give it "
        "stars, say what was wrong, or correct it. To chat with a model, start the page with a models file."
    )
