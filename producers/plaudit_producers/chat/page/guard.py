"""Stands before the page: lets in its own requests only, none too large, and gives each visitor a cookie."""

import asyncio
import re
from collections.abc import Callable
from typing import Final

from plaudit_schemas.service.cancelling import cancel_and_wait
from plaudit_schemas.service.web_routes import SAFE_METHODS, is_same_origin
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plaudit_producers.chat.page.arrival_order import ArrivalOrder
from plaudit_producers.chat.visitor_cookies import COOKIE_AGE_S, VISITOR_COOKIE, VisitorCookies

HEADERS: Final = {
    # Gradio has scripts and styles in the page itself, and evaluates templates. A model's answer may name an
    # image of another host, and the browser must not ask for it.
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'self'; frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_OPEN: Final = re.compile(
    r"/(|config/?|theme\.css|favicon\.ico|manifest\.json|robots\.txt|chat\.css|chat\.js|icon\.svg|metrics"
    r"|(assets|static|health)/.*"
    r"|gradio_api/(info|app_id|startup-events|theme\.css|queue/data|heartbeat/[^/]+)/?)"
)
"""What may be read. Gradio also serves files, proxies other hosts, and keeps a history of runs."""
_ACTIONS: Final = re.compile(r"/(signals|gradio_api/(queue/join|cancel|reset)/?)")
_STREAMS: Final = re.compile(r"/gradio_api/(queue/data|heartbeat/.*)")
_ACTS_ON_CHAT: Final = re.compile(r"/gradio_api/queue/join/?")
_LOOK_S: Final = 0.5
_LARGEST_BODY_BYTES: Final = 8 << 20


class PageGuard:
    """ASGI middleware around everything that the page serves."""

    def __init__(
        self, app: ASGIApp, cookies: Callable[[], VisitorCookies], stopping: Callable[[], bool]
    ) -> None:
        """
        Args:
            cookies: a function, because the core is made later, when the application starts.
            stopping: whether the server is stopping. Streams end then: Gradio's last as long as a page.
        """
        self._app = app
        self._cookies = cookies
        self._stopping = stopping
        self._order = ArrivalOrder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        cookie = self._new_cookie(scope)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if cookie is not None:
                    headers.append("Set-Cookie", cookie)
                    headers["Cache-Control"] = "no-store"
            await send(message)

        refusal = _refusal_of(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        if _ACTS_ON_CHAT.fullmatch(scope["path"]):
            self._note_arrival(scope)
        if _STREAMS.fullmatch(scope["path"]):
            await self._stream(scope, receive, send_with_headers)
        else:
            await self._app(scope, _limited(receive), send_with_headers)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        answering = asyncio.ensure_future(self._app(scope, receive, send))
        try:
            while not answering.done() and not self._stopping():
                await asyncio.wait({answering}, timeout=_LOOK_S)
            if answering.done():
                await answering
        finally:
            await cancel_and_wait(answering)

    def _new_cookie(self, scope: Scope) -> str | None:
        """A cookie for somebody who opens the page and has none of ours."""
        if scope["path"] != "/" or scope["method"] != "GET":
            return None
        if self._visitor(scope) is not None:
            return None
        secure = "; Secure" if scope["scheme"] == "https" else ""
        _, value = self._cookies().new_visitor()
        return f"{VISITOR_COOKIE}={value}; Path=/; Max-Age={COOKIE_AGE_S}; HttpOnly; SameSite=Lax{secure}"

    def _note_arrival(self, scope: Scope) -> None:
        visitor = self._visitor(scope)
        if visitor is not None:
            self._order.note(scope, visitor)

    def _visitor(self, scope: Scope) -> str | None:
        given = cookie_parser(Headers(scope=scope).get("cookie", ""))
        return self._cookies().visitor_of(given.get(VISITOR_COOKIE))


def _refusal_of(scope: Scope) -> Response | None:
    path, method = scope["path"], scope["method"]
    if method not in SAFE_METHODS and not is_same_origin(scope):
        return PlainTextResponse("The request comes from another site.", 403)
    allowed = _ACTIONS if method == "POST" else _OPEN
    if method not in ("GET", "HEAD", "POST") or allowed.fullmatch(path) is None:
        return PlainTextResponse("There is nothing here.", 404)
    length = Headers(scope=scope).get("content-length", "0")
    if not length.isdecimal() or int(length) > _LARGEST_BODY_BYTES:
        return PlainTextResponse("The request is too large.", 413)
    return None


def _limited(receive: Receive) -> Receive:
    read = 0

    async def receive_limited() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        if read > _LARGEST_BODY_BYTES:  # it came in pieces, without a length
            return {"type": "http.disconnect"}
        return message

    return receive_limited
