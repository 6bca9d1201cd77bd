"""A message of a transcript as keyword arguments of the SDK. Pure."""

from typing import Any

from plaudit_producers.chat.prompts import DELIMITER, SENT_CORRECTIONS
from plaudit_producers.chat.transcript import TranscriptMessage


def message_metadata(message: TranscriptMessage) -> dict[str, str]:
    """What a message has as metadata: why it failed, and where it stood."""
    facts = message.facts
    found = {
        "error": message.error,
        "error_kind": facts and facts.error_kind,
        "retry_after_s": None if message.retry_after_s is None else f"{message.retry_after_s:g}",
        "side": message.side,
        SENT_CORRECTIONS: facts and DELIMITER.join(facts.corrected),
    }
    return {name: text for name, text in found.items() if text}


def answer_fields(message: TranscriptMessage) -> dict[str, Any]:
    """How an answer was made, as keyword arguments of `add_message`."""
    facts = message.facts
    if facts is None:
        return {}
    return {
        "model": facts.model,
        "parameters": facts.parameters,
        "latency_ms": facts.latency_ms,
        "first_token_ms": facts.first_token_ms,
        "finish_reason": facts.finish_reason,
        "usage": facts.usage,
    }
