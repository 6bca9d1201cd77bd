"""uvicorn's HTTP/1.1 with limits: uvicorn waits for headers, bodies and readers without end."""

import asyncio
import logging
from typing import Any, Final

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from plaudit_schemas.service.connection_table import ConnectionTable
from plaudit_schemas.service.health import LIVE, METRICS, READY
from plaudit_schemas.service.http_limits import (
    LARGE_HEAD,
    LATE_BODY,
    LATE_HEAD,
    NO_HTTP,
    PIPELINED,
    STALLED,
    UPGRADES,
    HttpLimits,
    HttpRefusal,
    is_large,
)

log = logging.getLogger("plaudit.web.http")
log.setLevel(logging.ERROR)  # uvicorn warns of each invalid request: strangers could fill the log

_HEALTH_PATHS: Final = frozenset((LIVE, READY, METRICS))
_LARGEST_LINGER_BYTES: Final = 4 << 20
_LARGEST_REFUSED_BODY_BYTES: Final = 1 << 20


class LimitedProtocol(HttpToolsProtocol):
    """One connection. The server calls `check` now and then, which cuts what takes too long."""

    def __init__(self, *, table: ConnectionTable, limits: HttpLimits, **uvicorns: Any) -> None:
        super().__init__(**uvicorns)
        self.logger = log
        self._table, self._limits = table, limits
        self._refusal: HttpRefusal | None = None  # of a connection of the reserve
        self._refused_at: float | None = None
        self._lingered = 0
        self._begun = False  # whether there is a part of a head
        self._head_since: float | None = None
        self._body_since: float | None = None
        self._unused, self._used = 0, False  # bytes since the last that were part of a body
        self._write_since: float | None = None
        self._write_size = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._head_since = self.loop.time()
        self._refusal = self._table.admit(self, self.client[0] if self.client else "")
        if self._refusal is not None:
            self.app = _reserved(self.app, self._refusal, self._serve_health)

    def connection_lost(self, exc: Exception | None) -> None:
        self._table.release(self)
        if self._refusal is not None:
            self._table.count(self._refusal)
        super().connection_lost(exc)

    def drop(self) -> None:
        """Cut the connection at once."""
        self._table.release(self)
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._refused_at is not None:
            self._lingered += len(data)
            if self._lingered > _LARGEST_LINGER_BYTES:
                self.transport.abort()
            return
        if self._head_since is None and self._body_since is None:
            self._head_since = self.loop.time()
        self._used = False
        super().data_received(data)
        # httptools collects the value of a header, or of a trailer, until its end.
        self._unused = 0 if self._used else self._unused + len(data)
        if self._unused > self._limits.head_bytes:
            self._refuse(LARGE_HEAD)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's text says less
        self._refuse(NO_HTTP)

    def on_message_begin(self) -> None:
        self._begun = True
        if self._head_since is None:  # it came together with the end of the request before
            self._head_since = self.loop.time()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self._refused_at is not None:
            return
        self._head_since, self._begun, self._used = None, False, True
        if is_large(self.url, self.headers, self._limits):
            self._refuse(LARGE_HEAD)
        elif len(self.pipeline) >= self._limits.pipelined:
            self._refuse(PIPELINED)
        elif self.parser.should_upgrade() and self._announces_body():
            self._refuse(UPGRADES)
        else:
            super().on_headers_complete()
            self._body_since = self.loop.time()

    def on_body(self, body: bytes) -> None:
        self._used = True
        if self._refused_at is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._body_since, self._used = None, True
        if self._refused_at is None:
            super().on_message_complete()

    def resume_writing(self) -> None:
        self._write_since = None
        super().resume_writing()

    def check(self, now: float) -> None:
        """Cut the connection if the client is too slow. `now` is of the event loop's clock."""
        if self._refused_at is not None:
            if now - self._refused_at > self._limits.linger_s:
                self.transport.abort()
        elif self._stalls(now):
            self._table.count(STALLED)
            self.transport.abort()
        elif self.flow.read_paused:  # it is us who do not read
            self._head_since = now if self._head_since is not None else None
            self._body_since = now if self._body_since is not None else None
        elif self._head_since is not None and now - self._head_since > self._limits.head_s:
            if self._begun:
                self._refuse(LATE_HEAD)
            else:  # a browser opens some in advance, and would take this for the answer to its request
                self.transport.abort()
        elif self._body_since is not None and now - self._body_since > self._limits.body_s:
            self._refuse(LATE_BODY)

    def _stalls(self, now: float) -> bool:
        size = self.transport.get_write_buffer_size()
        if not size:
            self._write_since = None
        elif self._write_since is None:
            self._write_since, self._write_size = now, size
        elif now - self._write_since > self._limits.stalled_s:
            if size > self._write_size - self._limits.stalled_bytes:
                return True
            self._write_since, self._write_size = now, size
        return False

    def _refuse(self, refusal: HttpRefusal) -> None:
        """Answer where the protocol allows, and close. What still comes is thrown away meanwhile."""
        if self._refused_at is not None or self.transport.is_closing():
            return
        self._refused_at = self.loop.time()
        self._unset_keepalive_if_required()
        self._table.count(refusal)
        if not self._may_be_answered():
            self.transport.close()
            return
        cycle = self._current_cycle()
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # the application waits for the rest of the body
            cycle.message_event.set()
        self.flow.resume_reading()
        self.transport.write(refusal.answer())
        self.transport.write_eof()

    def _may_be_answered(self) -> bool:
        """Whether the refused request has no answer yet, and the one before it has all of its own."""
        cycle = self._current_cycle()
        if cycle is None or cycle.response_complete:
            return self._body_since is None  # else the request's answer came before its body
        return cycle.more_body and not cycle.response_started and not self.pipeline

    def _announces_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b" 0"))
            for name, value in self.headers
        )

    def _current_cycle(self) -> RequestResponseCycle | None:
        return self.cycle  # None before the first request, which uvicorn's type does not say

    def _serve_health(self) -> None:
        self._refusal = None


def _reserved(app: ASGIApp, refusal: HttpRefusal, on_health: Any) -> ASGIApp:
    """The application for a connection of the reserve: health, and a refusal of everything else."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_and_close(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        if scope["path"] in _HEALTH_PATHS:
            on_health()
            await app(scope, receive, send_and_close)
            return
        left, more = _LARGEST_REFUSED_BODY_BYTES, True
        while more and left > 0:  # a client that is still sending would miss the answer
            message = await receive()
            more = message.get("more_body", False)
            left -= len(message.get("body", b""))
        body = refusal.body()
        headers = [(name.encode(), value.encode()) for name, value in refusal.headers(len(body))]
        await send({"type": "http.response.start", "status": int(refusal.status), "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return serve
