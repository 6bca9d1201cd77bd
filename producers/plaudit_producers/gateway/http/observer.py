"""The outermost layer. It times and counts each request, and logs it without content."""

import logging
import time
from collections.abc import Callable

from plaudit_schemas.service.metrics import MetricSet
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plaudit_producers.gateway.http.access_log import AccessLog
from plaudit_producers.gateway.http.problems import Problem

log = logging.getLogger("plaudit.gateway")


class RequestObserver:
    """ASGI middleware. It logs an error that nobody caught, and answers it as a problem with status 500."""

    def __init__(self, app: ASGIApp, metrics: Callable[[], MetricSet]) -> None:
        """`metrics` is a function, because the metrics are made later, when the app starts."""
        self._app = app
        self._metrics = metrics
        self._access_log = AccessLog()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            if scope["type"] == "lifespan":  # the app has shut down: nothing flushes the log after this
                self._access_log.flush()
            return
        started, status = time.perf_counter(), 0

        async def send_observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_observed)
        except Exception:
            log.exception("a request failed")
            if not status:  # nothing was sent yet: a response can start only once
                await Problem(500, "see the gateway's log").response()(scope, receive, send_observed)
        finally:
            self._record(scope, status, time.perf_counter() - started)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        # The pattern, not the path: a path may hold a conversation's id, and strangers can invent any number.
        route = getattr(scope.get("route"), "path", "other")
        metrics = self._metrics()
        metrics.counter("plaudit_gateway_requests_total", route, str(status)).inc()
        metrics.histogram("plaudit_gateway_request_seconds", route).observe(seconds)
        self._access_log.add_request(scope, route, status, seconds)
