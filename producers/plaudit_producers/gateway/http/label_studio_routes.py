"""`POST /v1/label-studio`: webhooks of Label Studio, as it sends them when annotations change."""

import time
from collections.abc import Sequence
from typing import Any, Final

from plaudit_schemas.contract.limits import ID_CHARACTERS
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.access.byte_limits import read_charged_body
from plaudit_producers.gateway.access.callers import charge_principal, identify_caller
from plaudit_producers.gateway.access.principals import Principal
from plaudit_producers.gateway.http.call_sending import batch_limit
from plaudit_producers.gateway.http.openapi import json_body, reference, results_schema
from plaudit_producers.gateway.http.operations import DocumentedAnswer, Json, Operation
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.http.sending import (
    count_unreadable,
    read_aside,
    results_response,
    send_parts,
    told_problems,
)
from plaudit_producers.gateway.intake.label_studio import (
    AnnotationNews,
    AnnotationUnit,
    read_webhook,
    statuses,
    units_of,
)
from plaudit_producers.gateway.services import services_of

_ANY: Final = "default"
_WEBHOOK: Final[Json] = {
    "type": "object",
    "description": "A webhook of Label Studio, with its payload",
    "properties": {
        "action": {"type": "string"},
        "task": {"type": "object"},
        "annotation": {"type": "object"},
        "annotations": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["action"],
}
SCHEMAS: Final[Json] = {
    "AnnotationResults": results_schema(
        {
            "id": {"type": "string"},
            "status": {"enum": ["accepted", "unchanged", "withdrawn", "unknown", "refused"]},
            "reason": {"enum": ["invalid", "forbidden", "unavailable"]},
            "detail": {"type": "string"},
        },
        ["id", "status"],
    )
}


async def post_label_studio(request: Request) -> Response:
    """Take a webhook of Label Studio on tasks that `plaudit review tasks` wrote.

    An annotation becomes verdicts on the conversation that its task is about. One that comes again is
    `unchanged`, one that changed replaces what it said before, and one that was deleted is taken back. The
    query parameter `server` tells several Label Studios apart. The key needs the role reviewer. The answer
    comes once Kafka has the events, with the statuses of `POST /v1/events`.
    """
    services = services_of(request)
    principal = await identify_caller(request)
    if principal.page is not None or not principal.has("reviewer"):
        raise Problem(403, "sending annotations requires an API key with the role reviewer")
    server = request.query_params.get("server") or _ANY
    if len(server) > ID_CHARACTERS:
        raise Problem(422, f"server must have at most {ID_CHARACTERS} characters")
    async with read_charged_body(request, principal, batch_limit(request)) as body:
        await charge_principal(request, principal, 1)
        with told_problems():
            people = services.settings.label_studio_people
            news = await read_aside(body, lambda: read_webhook(body, people))
            return results_response(await _take(request, principal, server, news))


OPERATIONS: Final = (
    Operation(
        "POST",
        "/v1/label-studio",
        post_label_studio,
        tag="feedback",
        body=json_body(_WEBHOOK, "One webhook; of other actions than annotations nothing is taken"),
        answers={
            200: DocumentedAnswer("Kafka has every annotation", reference("AnnotationResults")),
            207: DocumentedAnswer(
                "Kafka has some annotations; the others are refused for good", reference("AnnotationResults")
            ),
        },
        problems=(401, 403, 408, 413, 422, 429, 503),
    ),
)


async def _take(request: Request, principal: Principal, server: str, news: AnnotationNews) -> list[Json]:
    """Send what is new. Returns a result for each annotation.

    Raises:
        ServiceUnavailableError: Redis does not answer.
        Problem: 429 or 503.
    """
    services, application = services_of(request), principal.application
    known = await services.annotations.find(application, server, news.numbers())
    units, refused = units_of(news, known, application, now=time.time_ns() // 1000)
    count_unreadable(services, len(news.refused) + len(refused))
    told = await _send(request, principal, units)
    sent = {
        unit.number: unit.known
        for unit in units
        if unit.known is not None and unit.number not in told and unit.status == "accepted"
    }
    gone = [unit.number for unit in units if unit.status == "withdrawn" and unit.number not in told]
    await services.annotations.update(application, server, sent, gone)
    return [
        *({"id": "", "status": "refused", "reason": "invalid", "detail": why} for why in news.refused),
        *({"id": number, "status": "refused", "reason": "invalid", "detail": why} for number, why in refused),
        *statuses(units, told),
    ]


async def _send(
    request: Request, principal: Principal, units: Sequence[AnnotationUnit]
) -> dict[str, dict[str, Any]]:
    """Send the events of some annotations. Returns for each that was refused why."""
    sending = [unit for unit in units if unit.records]
    if not sending:
        return {}
    refusals = await send_parts(request, principal, [unit.records for unit in sending])
    return {unit.number: told for unit, told in zip(sending, refusals, strict=True) if told is not None}
