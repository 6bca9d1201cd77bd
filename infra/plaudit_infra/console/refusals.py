"""Counts what the console refuses, so that an alert sees who tries keys or goes where they may not."""

from typing import Final

from plaudit_schemas.service.metrics import MetricSet
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from plaudit_infra.console.links import LINK_PATH

_METRIC: Final = "plaudit_console_refused_total"


class RefusalCounter:
    """The outermost layer: counts sign-ins that were refused, and answers with 403."""

    def __init__(self, app: ASGIApp, metrics: MetricSet) -> None:
        """`metrics`: those of the console. Both series exist from now on, so that an alert sees the first."""
        self._app = app
        self._sign_in = metrics.counter(_METRIC, "sign_in")
        self._forbidden = metrics.counter(_METRIC, "forbidden")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._count(message["status"], scope.get("path", ""))
            await send(message)

        await self._app(scope, receive, send_counted)

    def _count(self, status: int, path: str) -> None:
        # 401 elsewhere is a page whose session has ended.
        if status == 401 and path in ("/sign-in", LINK_PATH):
            self._sign_in.inc()
        elif status == 403:
            self._forbidden.inc()
