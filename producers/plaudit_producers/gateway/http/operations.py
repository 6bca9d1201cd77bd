"""Operations: each is one method of one path. They define both the router and the OpenAPI document."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from plaudit_producers.gateway.http.problems import Problem

Json = dict[str, Any]
Handler = Callable[[Request], Awaitable[Response]]


class DocumentedAnswer(NamedTuple):
    """An answer other than a problem, as the OpenAPI document describes it.

    Attributes:
        schema: the schema of the body. A model becomes a schema of the document; None leaves the body out.
    """

    description: str
    schema: Json | type[BaseModel] | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path: who handles it, and how the OpenAPI document describes it.

    Attributes:
        path: a pattern of Starlette. Metrics and the access log use it as the label of the route.
        handler: may raise Problem. The document takes the operation's name and description from it.
        tag: groups operations in the document. An operation without a tag is not in the document.
        problems: the statuses of the problems that it may answer.
        body: the request body, as an OpenAPI object.
    """

    method: str
    path: str
    handler: Handler
    tag: str | None = None
    answers: Mapping[int, DocumentedAnswer] = field(default_factory=dict)
    problems: tuple[int, ...] = ()
    body: Json | None = None


class OperationRoute(Route):
    """Serves one operation, and answers every other method with a problem."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation.path, operation.handler, methods=[operation.method])
        # An id may hold a line break. Without the flag, one at the end would be left out of the id.
        self.path_regex = re.compile(self.path_regex.pattern, re.DOTALL)
        self._handler = operation.handler
        self._method = operation.method

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. Problems are answered here: Starlette's exception handlers cost more."""
        scope["route"] = self  # the observer reads the pattern from it
        try:
            response = await self._respond(Request(scope, receive))
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method != self._method:
            raise Problem(405, "Method Not Allowed", headers={"Allow": self._method})
        return await self._handler(request)
