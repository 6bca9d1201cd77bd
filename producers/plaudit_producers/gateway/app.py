"""The gateway as an ASGI app.

Other parts of the gateway (the dashboard) come as routers: `create_app(..., routers=[router])`. Their
handlers get the running parts by `services.services_of(request)`, and who asks by `admission.admit(request)`;
a router's own `lifespan` runs after the services are there. A path of theirs must not start with `/v1`.
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import PlauditError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from plaudit_producers.gateway import openapi
from plaudit_producers.gateway.direct import Direct
from plaudit_producers.gateway.problems import TITLES, Problem
from plaudit_producers.gateway.routes import conversations, documents, events, health, tokens
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_producers.gateway.startup import services
from plaudit_producers.gateway.watch import Watch

ROUTERS = (events.router, tokens.router, conversations.router, health.router, documents.router)


def create_app(
    settings: GatewaySettings, connection: ConnectionSettings, *, routers: Sequence[APIRouter] = ()
) -> FastAPI:
    """The app; what it needs is opened when it starts, and kept at `app.state.services`."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with services(settings, connection) as opened:
                app.state.services = opened
                yield
        except PlauditError as error:
            app.state.failure = error
            raise

    app = FastAPI(
        title="Plaudit gateway",
        version="1",
        description="Conversation events over HTTP. Errors are problem details (RFC 9457).",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.failure = None
    for router in (*ROUTERS, *routers):
        app.include_router(router)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_middleware(Direct, endpoints=events.ENDPOINTS)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type"],
            expose_headers=["retry-after"],
            max_age=600,
        )
    app.add_middleware(Watch, telemetry=lambda: app.state.services.telemetry)
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]  # FastAPI's way to extend it
    return app


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = FastAPI.openapi(app)
        document["components"].setdefault("schemas", {}).update(openapi.components())
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"bearer": []}]
        app.openapi_schema = document
    return app.openapi_schema


async def _problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101  # registered for it
    return error.response()


async def _http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it
    status = error.status_code if error.status_code in TITLES else 422
    return Problem(status, str(error.detail)).response()


async def _validation_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return Problem(422, f"{place}: {first['msg']}").response()
