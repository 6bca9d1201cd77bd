"""Requests of OTLP, as exporters make them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_NS = 1_790_000_000_000_000_000
TRACE = "0af7651916cd43dd8448eb211c80319c"
_IDS = ("traceId", "spanId", "parentSpanId")


def value(given: Any) -> dict[str, Any]:
    """An `AnyValue` in JSON."""
    if isinstance(given, bool):
        return {"boolValue": given}
    if isinstance(given, int):
        return {"intValue": str(given)}
    if isinstance(given, float):
        return {"doubleValue": given}
    if isinstance(given, list | tuple):
        return {"arrayValue": {"values": [value(each) for each in given]}}
    if isinstance(given, Mapping):
        return {"kvlistValue": {"values": attributes(given)}}
    return {"stringValue": given}


def attributes(given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Attributes in JSON."""
    return [{"key": key, "value": value(each)} for key, each in given.items()]


def span(number: int, given: Mapping[str, Any], *, trace: str = TRACE, **fields: Any) -> dict[str, Any]:
    """A span in JSON, which begins `number` seconds after the first one and lasts 250 ms."""
    start = START_NS + number * 1_000_000_000
    return {
        "traceId": trace,
        "spanId": f"{number + 1:016x}",
        "name": "chat",
        "kind": 3,
        "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 250_000_000),
        "attributes": attributes(given),
        **fields,
    }


def event(name: str, given: Mapping[str, Any], number: int = 0) -> dict[str, Any]:
    """An event of a span, in JSON."""
    return {"name": name, "timeUnixNano": str(START_NS + number), "attributes": attributes(given)}


def log(
    name: str, given: Mapping[str, Any], *, body: Any = None, number: int = 0, order: int = 0, **fields: Any
) -> dict[str, Any]:
    """A log record of the span with a number, in JSON."""
    record = {
        "timeUnixNano": str(START_NS + number * 1_000_000_000 + order),
        "eventName": name,
        "traceId": TRACE,
        "spanId": f"{number + 1:016x}",
        "attributes": attributes(given),
        **fields,
    }
    return record if body is None else {**record, "body": value(body)}


def traces(*spans: Any, service: str | None = "shop") -> dict[str, Any]:
    """A request with spans, in JSON."""
    scope = {"name": "openai"}
    return {"resourceSpans": [{**_resource(service), "scopeSpans": [{"scope": scope, "spans": list(spans)}]}]}


def logs(*records: Any, service: str | None = "shop") -> dict[str, Any]:
    """A request with log records, in JSON."""
    scope = {"name": "judge"}
    scopes = [{"scope": scope, "logRecords": list(records)}]
    return {"resourceLogs": [{**_resource(service), "scopeLogs": scopes}]}


def as_json(request: dict[str, Any]) -> bytes:
    """A request as its body in JSON."""
    return json.dumps(request).encode()


def as_protobuf(request: dict[str, Any]) -> bytes:
    """A request as its body in protobuf."""
    made: Message = ExportTraceServiceRequest() if "resourceSpans" in request else ExportLogsServiceRequest()
    encoded: bytes = json_format.ParseDict(_in_base64(request), made).SerializeToString()
    return encoded


def _resource(service: str | None) -> dict[str, Any]:
    return {"resource": {"attributes": attributes({} if service is None else {"service.name": service})}}


def _in_base64(document: Any) -> Any:
    """The document with ids as the JSON form of protobuf has them; OTLP has its own."""
    if isinstance(document, list):
        return [_in_base64(each) for each in document]
    if not isinstance(document, dict):
        return document
    return {
        name: base64.b64encode(bytes.fromhex(each)).decode() if name in _IDS else _in_base64(each)
        for name, each in document.items()
    }
