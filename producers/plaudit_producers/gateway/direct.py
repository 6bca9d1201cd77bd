"""The way around the router for the paths that carry the load.

Matching, dependencies and the exit stacks of FastAPI cost as much as all else in a request of one event.
The routes stay in the app, for the OpenAPI document and for every other method.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from plaudit_producers.gateway.problems import Problem

Endpoint = Callable[[Request], Awaitable[Response]]


class Path(NamedTuple):
    """Stands for the route in the scope, where the log and the counters look for it."""

    path: str


class Direct:
    """ASGI middleware: POST to one of `endpoints`' paths goes straight there."""

    def __init__(self, app: ASGIApp, endpoints: Mapping[str, Endpoint]) -> None:
        self._app = app
        self._endpoints = {path: (endpoint, Path(path)) for path, endpoint in endpoints.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] not in self._endpoints:
            await self._app(scope, receive, send)
            return
        endpoint, scope["route"] = self._endpoints[scope["path"]]
        try:
            response = await endpoint(Request(scope, receive))
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)
