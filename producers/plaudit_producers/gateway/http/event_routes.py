"""`POST /v1/events` and `POST /v1/beacon`: take events, and answer once Kafka has them."""

from typing import Any, Final

import orjson
from plaudit_schemas.errors import InvalidEventError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.callers import (
    address_of,
    charge_address,
    charge_principal,
    identify_caller,
    identify_holder,
    memory_share_of,
)
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.openapi import json_body, reference
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Json, Operation
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.intake.events import (
    MAX_BEACON_BYTES,
    MAX_BODY_BYTES,
    MAX_EVENTS,
    MAX_PAGE_BYTES,
    answer_events,
    parse_events,
)
from plaudit_producers.gateway.intake.outcomes import OutgoingEvent
from plaudit_producers.gateway.services import Services, services_of

_RETRY_AFTER_S: Final = 2

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
    "Results": {
        "type": "object",
        "properties": {
            "accepted": {"type": "integer", "minimum": 0},
            "results": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "event_id": {"type": ["string", "null"]},
                        "status": {"enum": ["accepted", "refused"]},
                        "reason": {"enum": ["invalid", "forbidden", "unavailable"]},
                        "detail": {"type": "string"},
                    },
                    "required": ["event_id", "status"],
                },
            },
        },
        "required": ["accepted", "results"],
    }
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
    async with services.bodies.read_body(request, limit, memory_share_of(request, principal)) as body:
        return await _send_documents(services, request, principal, _parsed(body))


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
    document = _parsed(body)[0]
    found = document if isinstance(document, dict) else {}
    token, events = found.get("token"), found.get("events")
    if not isinstance(events, list) or not isinstance(token, str) or not events:
        raise Problem(422, 'the body must be {"token": "...", "events": [...]}')
    return token, events


def _parsed(body: bytes) -> list[Any]:
    try:
        return parse_events(body)
    except InvalidEventError as error:
        raise Problem(422, str(error)) from None


async def _send_documents(
    services: Services, request: Request, principal: Principal, documents: list[Any]
) -> Response:
    if len(documents) > MAX_EVENTS:
        raise Problem(413, f"a request takes {MAX_EVENTS} events at most; send several")
    if services.checks.registry is not None:
        detail = "the gateway waits for its schema registry; send them again with the same event ids"
        raise Problem(503, detail, retry_after_s=_RETRY_AFTER_S)
    await charge_principal(request, principal, len(documents))
    taken = [services.intake.take_event(principal, document) for document in documents]
    outgoing = [event for event in taken if isinstance(event, OutgoingEvent)]
    # A user may leave the page before it gets the answer. It then sends these events again: by beacon, or
    # when the user is back.
    outcomes = await services.sender.send_events(outgoing, remember=principal.page is not None)
    answer = answer_events(taken, outcomes)
    request.state.events = len(documents)
    _count_events(services, principal, answer.accepted, answer.results)
    body = {"accepted": answer.accepted, "results": answer.results}
    if answer.status in (200, 207):
        return Response(orjson.dumps(body), answer.status, media_type="application/json")
    refused = next(each for each in answer.results if each["status"] == "refused")
    retry = _RETRY_AFTER_S if answer.status == 503 else None
    return Problem(answer.status, refused["detail"], retry_after_s=retry, more=body).response()


def _count_events(services: Services, principal: Principal, accepted: int, results: list[Json]) -> None:
    metrics = services.metrics
    if accepted:
        origin = "server" if principal.page is None else "page"
        metrics.counter("plaudit_gateway_events_accepted_total", origin).inc(accepted)
    if accepted < len(results):
        for result in results:
            if result["status"] == "refused":
                metrics.counter("plaudit_gateway_events_refused_total", result["reason"]).inc()
