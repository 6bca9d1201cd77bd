"""`POST /v1/events` and `POST /v1/beacon`: take events, and answer once Kafka has them."""

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.byte_limits import charge_bytes, read_charged_body
from plaudit_producers.gateway.access.callers import (
    address_of,
    charge_address,
    identify_caller,
    identify_holder,
)
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.openapi import json_body, reference, results_schema
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Json, Operation
from plaudit_producers.gateway.http.problems import Problem, parsed_body
from plaudit_producers.gateway.http.sending import admit_events, json_response, problem_of, send_taken
from plaudit_producers.gateway.intake.events import (
    MAX_BEACON_BYTES,
    MAX_BODY_BYTES,
    MAX_EVENTS,
    MAX_PAGE_BYTES,
    parse_events,
)
from plaudit_producers.gateway.services import Services, services_of

_EVENT: Final = reference("ConversationEvent")
_EVENTS: Final[Json] = {"type": "array", "items": _EVENT, "minItems": 1, "maxItems": MAX_EVENTS}
_BEACON: Final[Json] = {
    "type": "object",
    "properties": {"token": {"type": "string"}, "events": _EVENTS},
    "required": ["token", "events"],
}
_PROBLEMS: Final = (401, 403, 408, 413, 422, 429, 503)
_ANSWERS: Final = {
    200: DocumentedAnswer("Kafka has every event", reference("Results")),
    207: DocumentedAnswer("Kafka has some events; the others are refused for good", reference("Results")),
}

SCHEMAS: Final[Json] = {
    "Results": results_schema(
        {
            "event_id": {"type": ["string", "null"]},
            "status": {"enum": ["accepted", "refused"]},
            "reason": {"enum": ["invalid", "forbidden", "unavailable"]},
            "detail": {"type": "string"},
        },
        ["event_id", "status"],
    )
}


async def post_events(request: Request) -> Response:
    """Take one event, or a list of up to 500.

    The answer comes once Kafka has acknowledged them. 200: every event was accepted. 207: some were refused
    for good; the results say which and why. 503: some may be sent again. It is safe to send the whole request
    again, because an event with the same id is the same event.
    """
    services = services_of(request)
    principal = await identify_caller(request)
    limit = MAX_BODY_BYTES if principal.page is None else MAX_PAGE_BYTES
    async with read_charged_body(request, principal, limit) as body:
        return await _send_documents(services, request, principal, parsed_body(parse_events, body))


async def post_beacon(request: Request) -> Response:
    """Take a page's last events, sent with `navigator.sendBeacon`.

    A beacon cannot set headers, so this is the one route that reads the browser token from the body.
    """
    services = services_of(request)
    await charge_address(request)
    async with services.bodies.read_body(request, MAX_BEACON_BYTES, address_of(request)) as body:
        token, events = _parsed_beacon(body)
        principal = identify_holder(request, token)
        if principal.page is None:
            raise Problem(403, "a beacon takes a browser token, never an API key")
        await charge_bytes(request, principal, len(body))
        return await _send_documents(services, request, principal, events)


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/events",
        post_events,
        tag="events",
        body=json_body({"anyOf": [_EVENT, _EVENTS]}, "One event, or a list of them"),
        answers=_ANSWERS,
        problems=_PROBLEMS,
    ),
    Operation(
        "POST",
        "/v1/beacon",
        post_beacon,
        tag="events",
        body=json_body(
            _BEACON, "The token and the events; any content type is accepted, so that no preflight is needed"
        ),
        answers=_ANSWERS,
        problems=_PROBLEMS,
    ),
)


def _parsed_beacon(body: bytes) -> tuple[str, list[Any]]:
    document = parsed_body(parse_events, body)[0]
    found = document if isinstance(document, dict) else {}
    token, events = found.get("token"), found.get("events")
    if not isinstance(events, list) or not isinstance(token, str) or not events:
        raise Problem(422, 'the body must be {"token": "...", "events": [...]}')
    return token, events


async def _send_documents(
    services: Services, request: Request, principal: Principal, documents: list[Any]
) -> Response:
    if len(documents) > MAX_EVENTS:
        raise Problem(413, f"a request takes {MAX_EVENTS} events at most; send several")
    await admit_events(request, principal, len(documents))
    taken = [services.intake.take_event(principal, document) for document in documents]
    answer = await send_taken(request, principal, taken)
    body = {"accepted": answer.accepted, "results": answer.results}
    if answer.status in (200, 207):
        return json_response(body, answer.status)
    return problem_of(answer, body).response()
