"""`/health/live`, `/health/ready` and `/metrics`."""

from typing import Final

from plaudit_schemas.service.health import LIVE, METRICS, READY
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway.http.operations import DocumentedAnswer, Operation
from plaudit_producers.gateway.services import services_of


async def live(request: Request) -> Response:
    """200 as long as the process answers."""
    return _answer(request, LIVE)


async def ready(request: Request) -> Response:
    """200 when requests should come: it knows the API keys, and Kafka has answered since its start.

    While Kafka is away later, the gateway stays ready but `degraded`: it answers events with 503 and
    Retry-After. So it does without Redis: nothing is limited, and conversations cannot be read.
    """
    return _answer(request, READY)


async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    return _answer(request, METRICS)


_LIVE_SCHEMA: Final = {"type": "object", "additionalProperties": {"type": "string"}}
_OK: Final = "Successful Response"

METRICS_OPERATION: Final = Operation(
    "GET",
    METRICS,
    metrics,
    tag="health",
    answers={
        200: DocumentedAnswer(_OK, {"type": "string"}, "text/plain"),
        404: DocumentedAnswer("They are on a port of their own"),
    },
)

OPERATIONS: Final = (
    Operation("GET", LIVE, live, tag="health", answers={200: DocumentedAnswer(_OK, _LIVE_SCHEMA)}),
    Operation(
        "GET",
        READY,
        ready,
        tag="health",
        answers={200: DocumentedAnswer(_OK, {}), 503: DocumentedAnswer("Not ready; `reason` says why")},
    ),
    METRICS_OPERATION,
)


def _answer(request: Request, path: str) -> Response:
    answer = services_of(request).health().answer_of(path)
    assert answer is not None  # noqa: S101  # health knows these three paths
    return Response(answer.body, answer.status, media_type=answer.media_type)
