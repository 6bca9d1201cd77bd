"""Messages that came as log events, one each, and wait as notes for the answer of their call."""

from collections.abc import Iterable, Mapping

import orjson

from plaudit_producers.gateway.intake.otlp.span_calls import SpanCall, call_of_messages, span_key
from plaudit_producers.gateway.intake.otlp.telemetry import TelemetryLog
from plaudit_producers.model_calls.genai_content import CHOICE, GenAiEvent


def notes_of(messages: Iterable[TelemetryLog]) -> tuple[dict[str, list[bytes]], list[str]]:
    """The notes of each span, and why the other messages were refused."""
    notes: dict[str, list[bytes]] = {}
    refusals = []
    for log in messages:
        span = span_key(log.trace_id, log.span_id)
        if not span:
            refusals.append(f"{log.event.name} belongs to no span, so its call is not known")
            continue
        said = [
            log.trace_id, log.span_id, log.event.name, dict(log.event.fields), log.time_ns, log.service
        ]  # fmt: skip
        notes.setdefault(span, []).append(orjson.dumps(said))
    return notes, refusals


def calls_of_notes(notes: Mapping[str, Iterable[bytes]]) -> list[SpanCall]:
    """The calls of those spans that have an answer."""
    calls = []
    for values in notes.values():
        logs = [_log(*orjson.loads(value)) for value in values]
        call = call_of_messages(logs)
        if call is not None and any(log.event.name == CHOICE for log in logs):
            calls.append(call)
    return calls


def _log(
    trace_id: str, span_id: str, name: str, fields: dict[str, object], time_ns: int, service: str | None
) -> TelemetryLog:
    return TelemetryLog(trace_id, span_id, GenAiEvent(name, fields), time_ns, service)
