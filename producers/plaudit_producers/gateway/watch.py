"""The outermost layer: times and counts each request, and logs it without content."""

import logging
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plaudit_producers.gateway.access_log import AccessLog
from plaudit_producers.gateway.problems import Problem
from plaudit_producers.gateway.telemetry import Telemetry

log = logging.getLogger("plaudit.gateway")


class Watch:
    """ASGI middleware. An error that nobody caught becomes a problem with status 500, logged."""

    def __init__(self, app: ASGIApp, telemetry: Callable[[], Telemetry]) -> None:
        self._app = app
        self._telemetry = telemetry
        self._access_log = AccessLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":  # it ends with the process
                self._access_log.flush()
            return
        started, status = time.perf_counter(), 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            log.exception("a request failed")
            if not status:
                await Problem(500, "see the gateway's log").response()(scope, receive, watched)
        finally:
            self._note(scope, status, time.perf_counter() - started)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern: a path may hold a conversation's id, and anybody can make up paths.
        route = getattr(scope.get("route"), "path", "other")
        telemetry = self._telemetry()
        telemetry.counter("plaudit_gateway_requests_total", route, str(status)).inc()
        telemetry.histogram("plaudit_gateway_request_seconds", route).observe(seconds)
        self._access_log.note(scope, route, status, seconds)
