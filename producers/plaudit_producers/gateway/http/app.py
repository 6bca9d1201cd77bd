"""The gateway as an ASGI app."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import orjson
from plaudit_schemas.errors import PlauditError
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from plaudit_producers.gateway.http import (
    conversation_routes,
    event_routes,
    feedback_routes,
    health_routes,
    label_studio_routes,
    litellm_routes,
    open_webui_routes,
    otlp_routes,
    static_files,
    token_routes,
)
from plaudit_producers.gateway.http.observer import RequestObserver, request_series
from plaudit_producers.gateway.http.openapi import openapi_document
from plaudit_producers.gateway.http.operations import OperationRoute
from plaudit_producers.gateway.http.problems import Problem
from plaudit_producers.gateway.metrics import GATEWAY_METRICS
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_producers.gateway.startup import run_services

OPERATIONS: Final = (
    *event_routes.OPERATIONS,  # first: Starlette tries routes in order, and nearly all requests are for these
    *token_routes.OPERATIONS,
    *feedback_routes.OPERATIONS,
    *litellm_routes.OPERATIONS,
    *open_webui_routes.OPERATIONS,
    *label_studio_routes.OPERATIONS,
    *conversation_routes.OPERATIONS,
    *otlp_routes.OPERATIONS,
    *health_routes.OPERATIONS,
    *static_files.OPERATIONS,
)
DOCUMENT: Final = openapi_document(
    OPERATIONS,
    {
        **event_routes.SCHEMAS,
        **litellm_routes.SCHEMAS,
        **open_webui_routes.SCHEMAS,
        **label_studio_routes.SCHEMAS,
    },
)
"""The OpenAPI document, served at `/openapi.json`."""


async def get_document(_request: Request) -> Response:
    return Response(orjson.dumps(DOCUMENT), media_type="application/json")


def create_app(
    settings: GatewaySettings, connection: ConnectionSettings, metrics: MetricSet | None = None
) -> Starlette:
    """The app. It opens its services when it starts, and keeps them at `app.state.services`.

    If the start fails, the error is raised and kept at `app.state.failure`.

    Args:
        metrics: with GATEWAY_METRICS; None makes a set.
    """
    counted = metrics or MetricSet(GATEWAY_METRICS)
    counted.begin("plaudit_gateway_requests_total", request_series(OPERATIONS))

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            async with run_services(settings, connection, counted) as services:
                app.state.services, app.state.health = services, services.health()
                yield
        except PlauditError as error:
            app.state.failure = error
            raise

    operations = [
        operation
        for operation in OPERATIONS
        if operation is not health_routes.METRICS_OPERATION or settings.gateway_health_port is None
    ]
    middleware = [Middleware(RequestObserver, metrics=counted)]
    if settings.cors_origins:
        middleware.append(_cors(settings.cors_origins))
    app = Starlette(
        routes=[*map(OperationRoute, operations), Route("/openapi.json", get_document)],
        middleware=middleware,
        exception_handlers={HTTPException: _answer_http_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.failure = app.state.health = None
    return app


def _cors(origins: list[str]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["authorization", "content-type", "idempotency-key"],
        expose_headers=["retry-after"],
        max_age=600,
    )


async def _answer_http_error(_request: Request, error: Exception) -> Response:
    """Answer Starlette's own errors, such as a path without a route."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this type only
    return Problem(error.status_code, str(error.detail), headers=error.headers or {}).response()
