"""Errors that Starlette raises keep their status and headers."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest
from plaudit_producers.gateway.http.app import create_app
from plaudit_producers.gateway.http.problems import TITLES
from plaudit_producers.gateway.metrics import GATEWAY_METRICS
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.settings.connection import ConnectionSettings
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def _fail(request: Request) -> Response:
    raise HTTPException(request.path_params["status"], "why", headers={"X-More": "kept"})


def _answer(status: int) -> httpx.Response:
    app = create_app(GatewaySettings(), ConnectionSettings())
    app.state.services = SimpleNamespace(metrics=MetricSet(GATEWAY_METRICS))
    app.router.routes.append(Route("/fail/{status:int}", _fail))

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.get(f"/fail/{status}")

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("status", "title"),
    [(402, "Payment Required"), (406, "Not Acceptable"), (409, "Conflict"), (499, "Error")],
    ids=["payment required", "not acceptable", "conflict", "without a name"],
)
def test_a_status_that_we_never_use_ourselves_is_answered(status: int, title: str) -> None:
    answer = _answer(status)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-more"] == "kept"
    assert answer.json() == {"type": "about:blank", "title": title, "status": status, "detail": "why"}


def test_a_status_of_ours_has_its_type() -> None:
    answer = _answer(404)
    assert answer.json()["type"] == f"urn:plaudit:problem:{TITLES[404][0]}"
    assert answer.headers["x-more"] == "kept"
