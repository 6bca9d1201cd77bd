"""The outermost layer. It times and counts each request, and logs it without content."""

import logging
import time
from collections.abc import Iterable, Iterator
from typing import Final

from plaudit_schemas.service.metrics import MetricSet
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plaudit_producers.gateway.http.access_log import AccessLog
from plaudit_producers.gateway.http.operations import Operation
from plaudit_producers.gateway.http.problems import Problem

log = logging.getLogger("plaudit.gateway")

_OTHER: Final = "other"
_ANY: Final = (405, 500)
"""What every route may answer: another method is asked for, or the gateway fails."""


def request_series(operations: Iterable[Operation]) -> Iterator[tuple[str, str]]:
    """Route and status of every answer that the gateway is known to give."""
    for operation in operations:
        for status in (*(operation.answers or (200,)), *operation.problems, *_ANY):
            yield operation.path, str(status)
    for status in (404, 429, *_ANY):
        yield _OTHER, str(status)


class RequestObserver:
    """ASGI middleware. It logs an error that nobody caught, and answers it as a problem with status 500."""

    def __init__(self, app: ASGIApp, metrics: MetricSet) -> None:
        """Counts in `metrics`, which has GATEWAY_METRICS."""
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
        route = getattr(scope.get("route"), "path", _OTHER)
        metrics = self._metrics
        metrics.counter("plaudit_gateway_requests_total", route, str(status)).inc()
        if status in (401, 403):
            metrics.counter("plaudit_gateway_callers_refused_total", str(status)).inc()
        metrics.histogram("plaudit_gateway_request_seconds", route).observe(seconds)
        self._access_log.add_request(scope, route, status, seconds)
