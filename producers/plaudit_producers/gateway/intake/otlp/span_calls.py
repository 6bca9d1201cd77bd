"""Spans and log events, turned into model calls."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from plaudit_schemas.contract.times import moment

from plaudit_producers.gateway.intake.otlp.telemetry import TelemetryLog, TelemetrySpan
from plaudit_producers.model_calls.call import ModelCall
from plaudit_producers.model_calls.genai_attributes import described, is_model_call
from plaudit_producers.model_calls.genai_content import (
    DETAILS,
    GenAiEvent,
    answers_of,
    failure_of,
    given_messages,
)

PLAUSIBLE_NS: Final = range(10**17, 8 * 10**18)
"""From 1973 to 2223. Other numbers are of another unit, or no time: the time of arrival counts then."""


@dataclass(frozen=True, slots=True)
class SpanCall:
    """A model call, and the span that it was.

    Attributes:
        call: without messages if telemetry holds no content.
        span: as `span_key`; empty if it belongs to no span.
        start_ns: for the order of the calls of a request.
    """

    call: ModelCall
    span: str
    start_ns: int

    @property
    def has_content(self) -> bool:
        return bool(self.call.given or self.call.answers)


def span_key(trace_id: str, span_id: str) -> str:
    """A name for a span, which is unique among ids of responses too; empty without a span."""
    return f"span/{trace_id}/{span_id}" if span_id else ""


def call_of_span(span: TelemetrySpan) -> SpanCall | None:
    """The model call that a span is; None if it is something else."""
    if not is_model_call(span.attributes, span.kind):
        return None
    events = [event for event, _ in span.events]
    lasted = span.end_ns - span.start_ns if span.start_ns and span.end_ns >= span.start_ns else None
    call = _call(
        span.attributes,
        events,
        failure_of(span.attributes, span.failure, events),
        trace_id=span.trace_id,
        span_id=span.span_id,
        service=span.service,
    )
    return SpanCall(
        _at(call, span.start_ns, None if lasted is None else lasted // 1_000_000),
        span_key(span.trace_id, span.span_id),
        span.start_ns,
    )


def call_of_details(log: TelemetryLog) -> SpanCall | None:
    """The model call that one log event describes as a whole; None if it is another event."""
    if log.event.name != DETAILS or not is_model_call(log.event.fields):
        return None
    return _call_of_events(log, log.event.fields, ())


def call_of_messages(logs: Iterable[TelemetryLog]) -> SpanCall | None:
    """The model call whose messages came as log events of one span; None without any."""
    ordered = sorted(logs, key=lambda log: log.time_ns)
    if not ordered:
        return None
    attributes: dict[str, Any] = {}
    for log in ordered:
        attributes.update({name: value for name, value in log.event.fields.items() if "." in name})
    return _call_of_events(ordered[0], attributes, [log.event for log in ordered])


def _call_of_events(
    log: TelemetryLog, attributes: Mapping[str, Any], events: Iterable[GenAiEvent]
) -> SpanCall:
    events = list(events)
    call = _call(
        attributes,
        events,
        failure_of(attributes, None),
        trace_id=log.trace_id,
        span_id=log.span_id,
        service=log.service,
    )
    return SpanCall(_at(call, log.time_ns, None), span_key(log.trace_id, log.span_id), log.time_ns)


def _call(
    attributes: Mapping[str, Any],
    events: list[GenAiEvent],
    failure: str | None,
    *,
    trace_id: str,
    span_id: str,
    service: str | None,
) -> ModelCall:
    given = given_messages(attributes, events)
    answers = answers_of(attributes, events, failure)
    if not given and all(answer.status == "error" for answer in answers):
        answers = ()  # that it failed is all that is known, and there is no chat to tell it in
    places = {"trace_id": trace_id, "span_id": span_id}
    call = ModelCall(
        given,
        answers,
        tags={} if service is None else {"service": service},
        metadata={name: place for name, place in places.items() if place},
    )
    call = described(call, attributes)
    # The calls of an agent are one conversation unless they say otherwise.
    return call if call.conversation_id or not trace_id else replace(call, conversation_id=trace_id)


def _at(call: ModelCall, start_ns: int, latency_ms: int | None) -> ModelCall:
    return replace(call, started_at=_moment(start_ns), latency_ms=latency_ms)


def _moment(time_ns: int) -> datetime | None:
    return moment(time_ns // 1000) if time_ns in PLAUSIBLE_NS else None
