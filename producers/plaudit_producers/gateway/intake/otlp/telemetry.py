"""Spans and log events as the gateway needs them, whatever encoding they came in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from plaudit_producers.model_calls.genai_content import GenAiEvent

RELEVANT: Final = ("gen_ai.", "ai.", "llm.", "event.name")
"""What the names of attributes and events begin with that may say something of a model call."""
MAX_DEPTH: Final = 32
"""Values that are nested deeper are left out."""


class SpanEvent(NamedTuple):
    """An event of a span. `time_ns` is 0 if it has none."""

    event: GenAiEvent
    time_ns: int


@dataclass(frozen=True, slots=True)
class TelemetrySpan:
    """A span that may be a model call.

    Attributes:
        trace_id, span_id, parent_id: hexadecimal; empty if there is none.
        kind: OTLP's number.
        start_ns, end_ns: nanoseconds since 1970; 0 if not known.
        failure: the message of an error status; None without an error.
        service: the name of the service, from the resource.
        scope: the name of the instrumentation.
    """

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    start_ns: int
    end_ns: int
    attributes: Mapping[str, Any]
    events: tuple[SpanEvent, ...] = ()
    failure: str | None = None
    service: str | None = None
    scope: str = ""


@dataclass(frozen=True, slots=True)
class TelemetryLog:
    """A log record that is an event of a model call, or an evaluation.

    Attributes:
        event: its fields are the attributes, and those of the body if that is an object.
        trace_id, span_id: of the span that it belongs to; empty if there is none.
    """

    trace_id: str
    span_id: str
    event: GenAiEvent
    time_ns: int
    service: str | None = None
    scope: str = ""


class Reading(NamedTuple):
    """What a request holds.

    Attributes:
        total: all its spans or log records, with those that have nothing to do with models.
        unreadable: those of them that have not the form of a span or log record.
    """

    spans: list[TelemetrySpan]
    logs: list[TelemetryLog]
    total: int
    unreadable: int = 0


def is_relevant(names: Iterable[str]) -> bool:
    """Whether one of these names of attributes or events may say something of a model call."""
    return any(name.startswith(RELEVANT) for name in names)


def log_event(name: str, attributes: Mapping[str, Any], body: Any) -> GenAiEvent:
    """A log record as an event. Older ones have their name among the attributes."""
    named = name or attributes.get("event.name") or ""
    fields = {**attributes, **body} if isinstance(body, Mapping) else dict(attributes)
    return GenAiEvent(str(named), fields)
