"""The answers to OTLP requests: an empty one, or a partial success."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

import orjson
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

_SHOWN: Final = 5  # kinds of refusal


def problem_text(refusals: Iterable[str]) -> str:
    """What was refused and why, in one text."""
    counted = Counter(refusals)
    told = [f"{count} refused: {detail}" for detail, count in counted.most_common(_SHOWN)]
    left = len(counted) - len(told)
    return "; ".join(told) + (f"; and {left} other reasons" if left > 0 else "")


def traces_answer(rejected: int, message: str, *, as_json: bool) -> bytes:
    """An `ExportTraceServiceResponse`. A message without rejected spans is a warning."""
    return _answer(
        ExportTraceServiceResponse(), ("rejected_spans", "rejectedSpans"), rejected, message, as_json
    )


def logs_answer(rejected: int, message: str, *, as_json: bool) -> bytes:
    """An `ExportLogsServiceResponse`. A message without rejected log records is a warning."""
    fields = ("rejected_log_records", "rejectedLogRecords")
    return _answer(ExportLogsServiceResponse(), fields, rejected, message, as_json)


def _answer(response: Message, fields: tuple[str, str], rejected: int, message: str, as_json: bool) -> bytes:
    if as_json:
        told: dict[str, Any] = {fields[1]: str(rejected)} if rejected else {}  # 64-bit integers are texts
        if message:
            told["errorMessage"] = message
        return orjson.dumps({"partialSuccess": told} if told else {})
    if rejected or message:
        partial: Any = response.partial_success
        setattr(partial, fields[0], rejected)
        partial.error_message = message
    encoded: bytes = response.SerializeToString()
    return encoded
