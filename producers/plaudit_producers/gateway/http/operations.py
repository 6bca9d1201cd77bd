"""Operations: one method of one path each. The router and the OpenAPI document are made from them."""

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
    """An answer that is no problem, as the document describes it.

    Attributes:
        schema: of the body; a model becomes a schema of the document, and None leaves the body out.
    """

    description: str
    schema: Json | type[BaseModel] | None = None
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Operation:
    """What is served for one method of one path, and what the document says of it.

    Attributes:
        path: Starlette's pattern. It is also the label of the route in the metrics and in the access log.
        handler: may raise Problem. Its name and docstring are those of the operation in the document.
        tag: groups operations in the document; an operation without one is not described there.
        problems: statuses of the problems that it may answer.
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
    """Serves one operation; every other method is a problem."""

    def __init__(self, operation: Operation) -> None:
        super().__init__(operation.path, operation.handler, methods=[operation.method])
        self._handler = operation.handler
        self._method = operation.method

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. Problems end here, as Starlette's exception handlers cost a part of a small request."""
        scope["route"] = self  # the observer looks for the pattern here
        try:
            response = await self._respond(Request(scope, receive))
        except Problem as problem:
            response = problem.response()
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        if request.method != self._method:
            raise Problem(405, "Method Not Allowed")
        return await self._handler(request)
