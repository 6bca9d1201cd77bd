"""Routes that web applications share, and the check that a request comes from their own pages."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from plaudit_schemas.service.health import LIVE, METRICS, READY, Health

SAFE_METHODS: Final = frozenset(("GET", "HEAD", "OPTIONS"))


def is_same_origin(scope: Scope) -> bool:
    """Whether a request comes from the application's own pages, or from a program without a cookie.

    Browsers send `Sec-Fetch-Site`, older ones `Origin`. A request with neither header cannot be attributed.
    It is refused if it has a cookie, because another site may have caused it.
    """
    headers = Headers(scope=scope)
    fetch_site = headers.get("sec-fetch-site")
    if fetch_site is not None:
        return fetch_site in ("same-origin", "none")
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin)[:2] == (scope["scheme"], headers.get("host", ""))
    return "cookie" not in headers


def file_route(path: str, content: bytes, media_type: str) -> Route:
    """The route of a file. Browsers ask each time whether it changed."""

    async def get_file(_request: Request) -> Response:
        return Response(content, headers={"Cache-Control": "no-cache"}, media_type=media_type)

    return Route(path, get_file, methods=["GET"])


def health_routes(health: Health, *, metrics: bool) -> list[BaseRoute]:
    """The routes of a process's health, and of its `metrics` if they have no port of their own."""

    def route(path: str) -> Route:
        async def answer(_request: Request) -> Response:
            found = health.answer_of(path)
            assert found is not None  # noqa: S101  # health knows these three paths
            return Response(found.body, found.status, media_type=found.media_type)

        return Route(path, answer, methods=["GET"])

    return [route(path) for path in (LIVE, READY, *((METRICS,) if metrics else ()))]
