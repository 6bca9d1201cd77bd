"""Reads OTLP requests in JSON: ids are hexadecimal, and 64-bit integers may be texts.

Unknown fields are left out, as OTLP demands. What does not have the form of a span or a log record is
counted.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeVar

import orjson
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

_ERROR: Final = (2, "STATUS_CODE_ERROR")
_CLIENT: Final = "SPAN_KIND_CLIENT"  # some exporters write the names of enumerations
_LONG: Final = 1 << 63
_T = TypeVar("_T")


def read_json_traces(body: bytes) -> Reading:
    """The spans of an `ExportTraceServiceRequest` in JSON.

    Raises:
        InvalidEventError: the body is no such request.
    """
    spans, total, unreadable = _read(body, ("resourceSpans", "scopeSpans", "spans"), _span)
    return Reading(spans, [], total, unreadable)


def read_json_logs(body: bytes) -> Reading:
    """The log records of an `ExportLogsServiceRequest` in JSON.

    Raises:
        InvalidEventError: the body is no such request.
    """
    logs, total, unreadable = _read(body, ("resourceLogs", "scopeLogs", "logRecords"), _log)
    return Reading([], logs, total, unreadable)


def _read(
    body: bytes, names: tuple[str, str, str], read: Callable[[Any, str | None, str], _T | None]
) -> tuple[list[_T], int, int]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidEventError(f"the body is not JSON in UTF-8: {error.msg} at byte {error.pos}") from None
    resources, scopes, items = names
    if document == {}:
        return [], 0, 0
    # Without them it is the request of another signal, or in snake case: taken, it would be lost in silence.
    if not isinstance(document, dict) or not isinstance(document.get(resources), list):
        raise InvalidEventError(
            f"the body is not an OTLP request in JSON: it must be an object with {resources}"
        )
    found: list[_T] = []
    total = unreadable = 0
    for resource in _objects(document, resources):
        service = _service_of(resource)
        for scope in _objects(resource, scopes):
            name = _text(_object(scope, "scope").get("name"))
            for item in _list(scope, items):
                total += 1
                if not isinstance(item, dict):
                    unreadable += 1
                elif (made := read(item, service, name)) is not None:
                    found.append(made)
    return found, total, unreadable


def _span(span: Mapping[str, Any], service: str | None, scope: str) -> TelemetrySpan | None:
    attributes = _attributes(span)
    events = [
        SpanEvent(
            GenAiEvent(_text(event.get("name")), _attributes(event)), _integer(event.get("timeUnixNano"))
        )
        for event in _objects(span, "events")
    ]
    if not is_relevant(attributes) and not is_relevant(each.event.name for each in events):
        return None
    status, kind = _object(span, "status"), span.get("kind")
    return TelemetrySpan(
        trace_id=_hex(span.get("traceId")),
        span_id=_hex(span.get("spanId")),
        parent_id=_hex(span.get("parentSpanId")),
        name=_text(span.get("name")),
        kind=3 if kind == _CLIENT else _integer(kind),
        start_ns=_integer(span.get("startTimeUnixNano")),
        end_ns=_integer(span.get("endTimeUnixNano")),
        attributes=attributes,
        events=tuple(events),
        failure=_text(status.get("message")) if status.get("code") in _ERROR else None,
        service=service,
        scope=scope,
    )


def _log(record: Mapping[str, Any], service: str | None, scope: str) -> TelemetryLog | None:
    attributes, name = _attributes(record), _text(record.get("eventName"))
    if not is_relevant((name, *attributes)):
        return None
    return TelemetryLog(
        trace_id=_hex(record.get("traceId")),
        span_id=_hex(record.get("spanId")),
        event=log_event(name, attributes, _value(record.get("body"))),
        time_ns=_integer(record.get("timeUnixNano")) or _integer(record.get("observedTimeUnixNano")),
        service=service,
        scope=scope,
    )


def _service_of(resource: Mapping[str, Any]) -> str | None:
    found = _attributes(_object(resource, "resource")).get("service.name")
    return found if isinstance(found, str) and found else None


def _attributes(item: Mapping[str, Any]) -> dict[str, Any]:
    return {_text(each.get("key")): _value(each.get("value")) for each in _objects(item, "attributes")}


def _value(value: Any, depth: int = 0) -> Any:
    """What an `AnyValue` holds."""
    if not isinstance(value, dict) or depth > MAX_DEPTH:
        return None
    for name, read in _VALUES.items():
        if value.get(name) is not None:
            return read(value[name], depth + 1)
    return None


def _array(value: Any, depth: int) -> list[Any]:
    return [_value(each, depth) for each in _list(value, "values")]


def _list_of_pairs(value: Any, depth: int) -> dict[str, Any]:
    return {_text(each.get("key")): _value(each.get("value"), depth) for each in _objects(value, "values")}


def _number(value: Any, _depth: int) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


_VALUES: Final[Mapping[str, Callable[[Any, int], Any]]] = {
    "stringValue": lambda value, _depth: value if isinstance(value, str) else None,
    "boolValue": lambda value, _depth: value if isinstance(value, bool) else None,
    "intValue": lambda value, _depth: _integer(value),
    "doubleValue": _number,
    "arrayValue": _array,
    "kvlistValue": _list_of_pairs,
    "bytesValue": lambda value, _depth: value if isinstance(value, str) else None,
}


def _objects(item: Any, name: str) -> Iterator[dict[str, Any]]:
    """The objects of a list within an object; what is no object is left out."""
    return (each for each in _list(item, name) if isinstance(each, dict))


def _list(item: Any, name: str) -> list[Any]:
    found = item.get(name) if isinstance(item, dict) else None
    return found if isinstance(found, list) else []


def _object(item: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = item.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _integer(value: Any) -> int:
    try:
        found = int(value) if isinstance(value, int | str) else int(float(value or 0))
    except (TypeError, ValueError, OverflowError):
        return 0
    return found if -_LONG <= found < _LONG else 0


def _hex(value: Any) -> str:
    text = _text(value).lower()
    return text if text.strip("0") else ""
