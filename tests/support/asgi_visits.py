"""An application behind the ASGI middleware, and clients of it."""

import json
from typing import Any

import plaudit_producers as plaudit
from plaudit_producers.integrations.asgi import PlauditMiddleware
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

ULID = "01K6A2B3C4D5E6F7G8H9J0KMNP"
HEADER = "x-conversation-id"


def current() -> dict[str, Any]:
    found = plaudit.current_conversation()
    return {} if found is None else {"id": found.id, "user": found.user_id}


async def where(_request: Request) -> Response:
    return JSONResponse(current())


async def where_in_a_thread(_request: Request) -> Response:
    return JSONResponse(await run_in_threadpool(current))


async def stream(_request: Request) -> Response:
    async def parts() -> Any:
        yield json.dumps(current())

    return StreamingResponse(parts(), media_type="text/event-stream")


async def answer(_request: Request) -> Response:
    found = plaudit.current_conversation()
    assert found is not None
    found.last_message_id = "pm-1@c1"
    return JSONResponse({})


async def picture(_request: Request) -> Response:
    return Response(b"", media_type="image/png")


async def fail(_request: Request) -> Response:
    raise ZeroDivisionError


async def talk(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(current())
    await socket.close()


def application(**options: Any) -> PlauditMiddleware:
    routes = [
        *(
            Route(f"/{each.__name__}", each)
            for each in (where, where_in_a_thread, stream, answer, picture, fail)
        ),
        WebSocketRoute("/talk", talk),
    ]
    return PlauditMiddleware(Starlette(routes=routes), **options)


def client(app: Any = None, base: str = "http://testserver", **options: Any) -> TestClient:
    return TestClient(app or application(**options), base_url=base)


async def never(*_: Any) -> Any:
    raise AssertionError


def cookie_header(conversation_id: str) -> tuple[bytes, bytes]:
    return b"cookie", f"plaudit_conversation={conversation_id}".encode()


async def request(
    app: PlauditMiddleware,
    headers: list[tuple[bytes, bytes]],
    *,
    method: str = "GET",
    path: str = "/where",
    root: str = "",
) -> dict[str, Any]:
    """Send what a browser would not. Returns the answer's status, headers and JSON."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    scope = {
        "type": "http", "method": method, "path": path, "root_path": root, "query_string": b"",
        "headers": headers, "scheme": "http",
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return {"status": sent[0]["status"], "headers": dict(sent[0]["headers"]), "json": json.loads(body)}
