"""`POST /v1/litellm`: the batches that LiteLLM's `generic_api` logger sends."""

from typing import Any, Final

from plaudit_schemas.errors import InvalidEventError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.byte_limits import read_charged_body
from plaudit_producers.gateway.http.call_sending import batch_limit, identify_call_sender, send_calls
from plaudit_producers.gateway.http.openapi import json_body, reference, results_schema
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Json, Operation
from plaudit_producers.gateway.http.pacing import RequestPace
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.http.sending import count_unreadable, read_aside, results_response
from plaudit_producers.gateway.intake.calls import CallResult, IncomingCall
from plaudit_producers.gateway.intake.litellm import parse_records, read_record
from plaudit_producers.gateway.services import services_of

_RECORD: Final[Json] = {
    "type": "object",
    "description": "LiteLLM's StandardLoggingPayload",
    "properties": {"id": {"type": "string"}, "call_type": {"type": "string"}},
    "required": ["id", "call_type"],
}
SCHEMAS: Final[Json] = {
    "CallResults": results_schema(
        {
            "status": {"enum": ["accepted", "skipped", "refused"]},
            "conversation_id": {"type": "string"},
            "message_ids": {"type": "array", "items": {"type": "string"}},
            "reason": {"enum": ["invalid", "forbidden", "unavailable"]},
            "detail": {"type": "string"},
        },
        ["status"],
    )
}


async def post_litellm(request: Request) -> Response:
    """Take the records of LiteLLM's `generic_api` logger: an array, one a line, or a single one.

    Each call becomes messages of a conversation, with ids that follow from what was said. So a record that
    comes again counts once, and so does a history that comes with every call. `skipped` are calls that answer
    with no message, such as embeddings. The answer comes once Kafka has the rest, with the statuses of
    `POST /v1/events`.
    """
    services = services_of(request)
    principal = await identify_call_sender(request)
    async with read_charged_body(request, principal, batch_limit(request)) as body:
        read = await _read(body)
        calls = [each for each in read if isinstance(each, IncomingCall)]
        unreadable = sum("reason" in each for each in read if isinstance(each, dict))
        pace = RequestPace(request, principal)
        if unreadable or not calls:
            await pace.admit(max(1, unreadable))
        count_unreadable(services, unreadable)
        sent = iter(await send_calls(request, principal, calls, pace))
    return results_response([_told(next(sent)) if isinstance(each, IncomingCall) else each for each in read])


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/litellm",
        post_litellm,
        tag="model calls",
        body=json_body(
            {"anyOf": [_RECORD, {"type": "array", "items": _RECORD}]}, "One record, or a list of them"
        ),
        answers={
            200: DocumentedAnswer("Kafka has every call", reference("CallResults")),
            207: DocumentedAnswer(
                "Kafka has some calls; the others are refused for good", reference("CallResults")
            ),
        },
        problems=(401, 403, 408, 413, 422, 429, 503),
    ),
)


async def _read(body: bytes) -> list[IncomingCall | Json]:
    """The call of each record, or the result of a record that is no call."""
    try:
        return await read_aside(body, lambda: [_call_or_result(record) for record in parse_records(body)])
    except InvalidEventError as error:
        raise Problem(422, str(error)) from None


def _call_or_result(record: Any) -> IncomingCall | Json:
    try:
        return read_record(record) or {"status": "skipped"}
    except InvalidEventError as error:
        return {"status": "refused", "reason": "invalid", "detail": str(error)}


def _told(result: CallResult) -> Json:
    told: Json = {
        "status": result.status,
        "conversation_id": result.conversation_id,
        "message_ids": list(result.message_ids),
    }
    return told if result.reason is None else {**told, "reason": result.reason, "detail": result.detail}
