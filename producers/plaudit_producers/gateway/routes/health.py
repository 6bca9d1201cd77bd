"""`/health/live`, `/health/ready` and `/metrics`."""

from typing import Any

import orjson
from fastapi import APIRouter
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from plaudit_producers.gateway.services import services_of

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """200 as long as the process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses={503: {"description": "Not ready; `reason` says why"}})
async def ready(request: Request) -> Response:
    """200 when events can be taken: the API keys are known and Kafka answers.

    Without Redis the gateway is ready but `degraded`: nothing is limited, and conversations cannot be read.
    """
    services = services_of(request)
    reason = services.unready()
    body: dict[str, Any] = {"status": "ready" if reason is None else "not ready", "reason": reason}
    if services.checks.redis is not None:
        body["degraded"] = services.checks.redis
    return Response(orjson.dumps(body), 200 if reason is None else 503, media_type="application/json")


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    services = services_of(request)
    services.telemetry.gauge("plaudit_gateway_events_waiting").set(services.sender.waiting())
    services.telemetry.gauge("plaudit_gateway_request_bytes").set(services.bodies.held)
    services.telemetry.gauge("plaudit_gateway_ready").set(services.unready() is None)
    return Response(generate_latest(services.telemetry.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
