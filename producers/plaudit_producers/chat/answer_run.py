"""Writes an answer into its transcript, piece by piece, and says how it ended."""

import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Final

from plaudit_schemas.contract.field_types import too_long

from plaudit_producers.chat.endpoints import AnswerDelta, EndpointTimeouts, stream_answer
from plaudit_producers.chat.errors import EndpointError
from plaudit_producers.chat.models_file import ChatModel
from plaudit_producers.chat.responder import respond
from plaudit_producers.chat.texts import PieceJoiner, whole_text
from plaudit_producers.chat.transcript import AnswerFacts, TranscriptMessage
from plaudit_producers.finish_reasons import status_of_reason

log = logging.getLogger(__name__)

AskModel = Callable[[ChatModel, Sequence[dict[str, str]], EndpointTimeouts], AsyncGenerator[AnswerDelta]]
"""Asks a model; raises EndpointError."""

STOPPED: Final = "stopped"
"""The finish reason of an answer that the person stopped."""
PAGE_ENDED: Final = "page_ended"
"""That of an answer that nobody stopped, but the page ended."""
_MOST_REASONING: Final = 1 << 17
"""Characters. With an answer of the longest kind they fit into one event."""


def ask_model(
    model: ChatModel, turns: Sequence[dict[str, str]], timeouts: EndpointTimeouts
) -> AsyncGenerator[AnswerDelta]:
    """Ask a model's endpoint, or the built-in responder."""
    return respond(model, turns) if model.kind == "builtin" else stream_answer(model, turns, timeouts)


def answer_facts(model: ChatModel, corrected: Sequence[str]) -> AnswerFacts:
    """What is known of an answer before it begins."""
    given = model.parameters.given()
    return AnswerFacts(
        model=model.event_model(),
        parameters=json.dumps(given, sort_keys=True, ensure_ascii=False) if given else None,
        corrected=tuple(corrected),
    )


async def write_answer(
    message: TranscriptMessage, deltas: AsyncGenerator[AnswerDelta], grown: Callable[[], None]
) -> None:
    """Let a message grow until its answer ends. Its status is then complete, cut or error; never partial.

    A cancelled answer is cut. Nothing else is raised but that cancellation.

    Args:
        message: of status partial, with its facts.
        grown: called after each piece.
    """
    writer = _Writer(message)
    try:
        async with aclosing(deltas):
            async for delta in deltas:
                writer.add(delta)
                grown()
        writer.end()
    except EndpointError as error:
        writer.fail(error)
    except Exception:  # the person gets an answer whatever happens here
        log.exception("an answer could not be written")
        writer.fail(EndpointError("server_error", "The answer could not be written. Try again later."))
    finally:
        writer.finish()


class _Writer:
    def __init__(self, message: TranscriptMessage) -> None:
        if message.facts is None:
            raise ValueError("the message has no facts of an answer")
        self._message, self._facts = message, message.facts
        self._began = time.monotonic()
        self._text, self._reasoning = PieceJoiner(), PieceJoiner()

    def add(self, delta: AnswerDelta) -> None:
        message, facts = self._message, self._facts
        if facts.first_token_ms is None and (delta.text or delta.reasoning):
            facts.first_token_ms = self._elapsed_ms()
        content = message.content + self._text.join(delta.text)
        if too_long(content):
            raise EndpointError("too_long", "The answer was stopped, because it is longer than can be kept.")
        message.content = content
        if len(message.reasoning) < _MOST_REASONING:
            reasoning = message.reasoning + self._reasoning.join(delta.reasoning)
            message.reasoning = reasoning[:_MOST_REASONING]
        facts.finish_reason = delta.finish_reason or facts.finish_reason
        facts.usage = delta.usage or facts.usage

    def end(self) -> None:
        self._message.status = status_of_reason(self._facts.finish_reason)

    def fail(self, error: EndpointError) -> None:
        self._message.status = "cut" if self._message.content else "error"
        self._message.error, self._message.retry_after_s = whole_text(str(error)), error.retry_after_s
        self._facts.error_kind = error.kind

    def finish(self) -> None:
        self._facts.latency_ms = self._elapsed_ms()
        if self._message.status == "partial":  # it was cancelled
            self._message.status = "cut"

    def _elapsed_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)
