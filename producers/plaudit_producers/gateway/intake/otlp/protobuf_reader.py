"""Reads OTLP requests in protobuf."""

import base64
from collections.abc import Iterable
from typing import Any, Final

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.gateway.intake.otlp.telemetry import (
    MAX_DEPTH,
    Reading,
    SpanEvent,
    TelemetryLog,
    TelemetrySpan,
    is_relevant,
    log_event,
)
from plaudit_producers.model_calls.genai_content import GenAiEvent

_ERROR: Final = Status.STATUS_CODE_ERROR


def read_traces(body: bytes) -> Reading:
    """The spans of an `ExportTraceServiceRequest`.

    Raises:
        InvalidEventError: the body is no such request.
    """
    request = _parsed(ExportTraceServiceRequest(), body)
    spans, total = [], 0
    for resource_spans in request.resource_spans:
        service = _service_of(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            total += len(scope_spans.spans)
            spans += [
                _span(span, service, scope_spans.scope.name)
                for span in scope_spans.spans
                if is_relevant(each.key for each in span.attributes)
                or is_relevant(event.name for event in span.events)
            ]
    return Reading(spans, [], total)


def read_logs(body: bytes) -> Reading:
    """The log records of an `ExportLogsServiceRequest`.

    Raises:
        InvalidEventError: the body is no such request.
    """
    request = _parsed(ExportLogsServiceRequest(), body)
    logs, total = [], 0
    for resource_logs in request.resource_logs:
        service = _service_of(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            total += len(scope_logs.log_records)
            logs += [
                _log(record, service, scope_logs.scope.name)
                for record in scope_logs.log_records
                if is_relevant((record.event_name, *(each.key for each in record.attributes)))
            ]
    return Reading([], logs, total)


def _parsed(request: Any, body: bytes) -> Any:
    try:
        request.ParseFromString(body)
    except DecodeError:
        kind = request.DESCRIPTOR.name
        raise InvalidEventError(f"the body is not an OTLP {kind} in protobuf") from None
    return request


def _span(span: Span, service: str | None, scope: str) -> TelemetrySpan:
    return TelemetrySpan(
        trace_id=_hex(span.trace_id),
        span_id=_hex(span.span_id),
        parent_id=_hex(span.parent_span_id),
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        events=tuple(
            SpanEvent(GenAiEvent(event.name, _attributes(event.attributes)), event.time_unix_nano)
            for event in span.events
        ),
        failure=span.status.message if span.status.code == _ERROR else None,
        service=service,
        scope=scope,
    )


def _log(record: LogRecord, service: str | None, scope: str) -> TelemetryLog:
    return TelemetryLog(
        trace_id=_hex(record.trace_id),
        span_id=_hex(record.span_id),
        event=log_event(record.event_name, _attributes(record.attributes), _value(record.body)),
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        service=service,
        scope=scope,
    )


def _service_of(attributes: Iterable[KeyValue]) -> str | None:
    return next((each.value.string_value or None for each in attributes if each.key == "service.name"), None)


def _attributes(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue, depth: int = 0) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or depth > MAX_DEPTH:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        return [_value(each, depth + 1) for each in found.values]
    if kind == "kvlist_value":
        return {each.key: _value(each.value, depth + 1) for each in found.values}
    return base64.b64encode(found).decode() if isinstance(found, bytes) else found  # as in JSON


def _hex(some_id: bytes) -> str:
    return some_id.hex() if any(some_id) else ""
