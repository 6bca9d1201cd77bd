"""`POST /v1/traces` and `POST /v1/logs`: OTLP over HTTP. Model calls in telemetry become conversations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from plaudit_schemas.errors import InvalidEventError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.byte_limits import read_charged_body
from plaudit_producers.gateway.access.callers import charge_principal, identify_caller
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.call_sending import batch_limit
from plaudit_producers.gateway.http.evaluation_sending import TelemetryOutcome
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Json, Operation
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.http.sending import read_aside
from plaudit_producers.gateway.http.telemetry_sending import send_telemetry
from plaudit_producers.gateway.intake.otlp.answers import logs_answer, problem_text, traces_answer
from plaudit_producers.gateway.intake.otlp.json_reader import read_json_logs, read_json_traces
from plaudit_producers.gateway.intake.otlp.protobuf_reader import read_logs, read_traces
from plaudit_producers.gateway.intake.otlp.sorting import Sorted, sort_reading
from plaudit_producers.gateway.intake.otlp.telemetry import Reading
from plaudit_producers.gateway.services import Services, services_of

_PROTOBUF: Final = "application/x-protobuf"
_JSON: Final = "application/json"
_WITHOUT_CONTENT: Final = (
    "the calls of models in this request hold no messages; turn on content capture, or use the completion "
    "hook of plaudit-producers"
)

_ANSWERED: Final = "Kafka has what is new; `partialSuccess` says what was refused for good"
_PROBLEMS: Final = (400, 401, 403, 408, 413, 415, 429, 503)


class _Answer(Protocol):
    def __call__(self, rejected: int, message: str, *, as_json: bool) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Signal:
    """One of OTLP's signals: how its requests are read in JSON and in protobuf, and how they are answered."""

    name: str
    read_json: Callable[[bytes], Reading]
    read_protobuf: Callable[[bytes], Reading]
    answer: _Answer


_TRACES: Final = _Signal("traces", read_json_traces, read_traces, traces_answer)
_LOGS: Final = _Signal("logs", read_json_logs, read_logs, logs_answer)


async def post_traces(request: Request) -> Response:
    """Take spans as OTLP, in JSON or protobuf, also with gzip. Calls of models become messages.

    Results of evaluations become feedback. The other spans are ignored. It is safe to send a request again.
    """
    return await _take(request, _TRACES)


async def post_logs(request: Request) -> Response:
    """Take log records as OTLP, in JSON or protobuf, also with gzip. Events of model calls become messages.

    Results of evaluations become feedback. The other records are ignored. It is safe to send a request again.
    """
    return await _take(request, _LOGS)


def _body(request_name: str) -> Json:
    schema = {"type": "object", "description": f"OTLP's `{request_name}`"}
    return {
        "required": True,
        "description": "OTLP 1.x",
        "content": {_JSON: {"schema": schema}, _PROTOBUF: {"schema": {"type": "string", "format": "binary"}}},
    }


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/traces",
        post_traces,
        tag="telemetry",
        body=_body("ExportTraceServiceRequest"),
        answers={200: DocumentedAnswer(_ANSWERED, {"type": "object"})},
        problems=_PROBLEMS,
    ),
    Operation(
        "POST",
        "/v1/logs",
        post_logs,
        tag="telemetry",
        body=_body("ExportLogsServiceRequest"),
        answers={200: DocumentedAnswer(_ANSWERED, {"type": "object"})},
        problems=_PROBLEMS,
    ),
)


async def _take(request: Request, signal: _Signal) -> Response:
    services = services_of(request)
    principal = await identify_caller(request)
    _require_writer(principal)
    as_json = _is_json(request)
    limit, gzipped = batch_limit(request), _is_gzipped(request)
    async with read_charged_body(request, principal, limit, gzipped=gzipped) as body:
        await charge_principal(request, principal, 1)
        reading, found = await _read(signal.read_json if as_json else signal.read_protobuf, body)
        outcome = await send_telemetry(request, principal, found)
    rejected = min(reading.total, reading.unreadable + len(outcome.refusals))
    _count(services, signal, reading.total, outcome.recorded, rejected)
    message = _message(reading, found, outcome)
    content = signal.answer(rejected, message, as_json=as_json)
    return Response(content, media_type=_JSON if as_json else _PROTOBUF)


async def _read(read: Callable[[bytes], Reading], body: bytes) -> tuple[Reading, Sorted]:
    def work() -> tuple[Reading, Sorted]:
        reading = read(body)
        return reading, sort_reading(reading)

    try:
        return await read_aside(body, work)
    except InvalidEventError as error:
        raise Problem(400, str(error)) from None


def _require_writer(principal: Principal) -> None:
    if principal.page is not None:
        raise Problem(403, "telemetry comes from servers: send an API key, not a browser token")
    if not (principal.has("producer") or principal.has("reviewer")):
        raise Problem(403, "sending telemetry requires a key with the role producer or reviewer")


def _is_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in (_JSON, _PROTOBUF, "application/protobuf"):
        raise Problem(415, f"the Content-Type must be {_PROTOBUF} or {_JSON}, as OTLP over HTTP demands")
    return media_type == _JSON


def _is_gzipped(request: Request) -> bool:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "identity", ""):
        raise Problem(
            415, "the Content-Encoding must be gzip, or none", headers={"Accept-Encoding": "gzip, identity"}
        )
    return encoding == "gzip"


def _message(reading: Reading, found: Sorted, outcome: TelemetryOutcome) -> str:
    refusals = [*outcome.refusals, *["it does not have the form that OTLP demands"] * reading.unreadable]
    if refusals:
        return problem_text(refusals)
    return _WITHOUT_CONTENT if found.without_content and not outcome.recorded else ""


def _count(services: Services, signal: _Signal, total: int, recorded: int, rejected: int) -> None:
    counts = {"recorded": recorded, "refused": rejected, "ignored": max(0, total - recorded - rejected)}
    for outcome, count in counts.items():
        if count:
            services.metrics.counter("plaudit_gateway_telemetry_total", signal.name, outcome).inc(count)
