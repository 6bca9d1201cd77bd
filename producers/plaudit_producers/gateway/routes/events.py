"""`POST /v1/events` and `POST /v1/beacon`: events in, an answer once Kafka has them."""

from typing import Any

import orjson
from fastapi import APIRouter
from plaudit_schemas.errors import InvalidEventError
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access import Principal
from plaudit_producers.gateway.admission import (
    address_of,
    admit,
    caller_of,
    charge_address,
    identify,
    spend,
)
from plaudit_producers.gateway.intake import (
    MAX_BEACON_BYTES,
    MAX_BODY_BYTES,
    MAX_EVENTS,
    MAX_PAGE_BYTES,
    answer,
    parse_events,
)
from plaudit_producers.gateway.openapi import BEACON_BODY, EVENTS_BODY, EVENTS_RESPONSES
from plaudit_producers.gateway.problems import Problem
from plaudit_producers.gateway.sending import Outgoing
from plaudit_producers.gateway.services import Services, services_of

RETRY_AFTER_S = 2

router = APIRouter(tags=["events"])


@router.post("/v1/events", responses=EVENTS_RESPONSES, openapi_extra=EVENTS_BODY)
async def post_events(request: Request) -> Response:
    """Take one event, or a list of up to 500.

    The answer comes once Kafka has acknowledged: 200 when every event was accepted, 207 when some were
    refused for good (the results say which and why), 503 when some may be sent again. An event sent again
    with its id is the same event, so all of a request may be.
    """
    services = services_of(request)
    principal = await admit(request)
    limit = MAX_BODY_BYTES if principal.page is None else MAX_PAGE_BYTES
    async with services.bodies.body(request, limit, caller_of(request, principal)) as body:
        return await _answered(services, request, principal, _parsed(body))


@router.post("/v1/beacon", responses=EVENTS_RESPONSES, openapi_extra=BEACON_BODY)
async def post_beacon(request: Request) -> Response:
    """Take a page's last events, from `navigator.sendBeacon`, which cannot set headers.

    The browser token comes in the body: here and nowhere else.
    """
    services = services_of(request)
    await charge_address(request)
    async with services.bodies.body(request, MAX_BEACON_BYTES, address_of(request)) as body:
        token, events = _beacon(body)
        principal = identify(request, token)
        if principal.page is None:
            raise Problem(403, "a beacon takes a browser token, never an API key")
        return await _answered(services, request, principal, events)


ENDPOINTS = {"/v1/events": post_events, "/v1/beacon": post_beacon}


def _beacon(body: bytes) -> tuple[str, list[Any]]:
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


async def _answered(
    services: Services, request: Request, principal: Principal, documents: list[Any]
) -> Response:
    if len(documents) > MAX_EVENTS:
        raise Problem(413, f"a request takes {MAX_EVENTS} events at most; send several")
    await spend(request, principal, len(documents))
    taken = [services.intake.take(principal, document) for document in documents]
    outgoing = [event for event in taken if isinstance(event, Outgoing)]
    # A page may be left before it hears the answer, and sends all of it again: by beacon, or when it is back.
    outcomes = await services.sender.send(outgoing, remember=principal.page is not None)
    result = answer(taken, outcomes)
    request.state.events = len(documents)
    _count(services, principal, result.accepted, result.results)
    body = {"accepted": result.accepted, "results": result.results}
    if result.status in (200, 207):
        return Response(orjson.dumps(body), result.status, media_type="application/json")
    refused = next(each for each in result.results if each["status"] == "refused")
    retry = RETRY_AFTER_S if result.status == 503 else None
    return Problem(result.status, refused["detail"], retry_after_s=retry, more=body).response()


def _count(services: Services, principal: Principal, accepted: int, results: list[dict[str, Any]]) -> None:
    telemetry = services.telemetry
    if accepted:
        origin = "server" if principal.page is None else "page"
        telemetry.counter("plaudit_gateway_events_accepted_total", origin).inc(accepted)
    if accepted < len(results):
        for result in results:
            if result["status"] == "refused":
                telemetry.counter("plaudit_gateway_events_refused_total", result["reason"]).inc()
