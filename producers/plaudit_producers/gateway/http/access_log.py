"""The access log: one line of JSON for each request, without content. Lines are written in groups."""

import asyncio
import logging
import time
from typing import Any, Final

import orjson
from starlette.types import Scope

log = logging.getLogger("plaudit.gateway.access")

_FLUSH_S: Final = 0.1  # one write for many requests: a write for each would cost the event loop more


class AccessLog:
    """Collects lines on one event loop. Each record that the logger gets may hold several lines."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []

    def add_request(self, scope: Scope, route: str, status: int, seconds: float) -> None:
        """Log a request that was answered; `seconds` is how long that took."""
        if not log.isEnabledFor(logging.INFO):
            return
        if not self._lines:
            asyncio.get_running_loop().call_later(_FLUSH_S, self.flush)
        self._lines.append(orjson.dumps(_entry(scope, route, status, seconds)))

    def flush(self) -> None:
        """Write the collected lines."""
        lines, self._lines = self._lines, []
        if lines:
            log.info("%s", b"\n".join(lines).decode())


def _entry(scope: Scope, route: str, status: int, seconds: float) -> dict[str, Any]:
    state = scope.get("state") or {}
    principal, client = state.get("principal"), scope.get("client")
    return {
        "at": round(time.time(), 3),
        "method": scope["method"],
        "route": route,
        "status": status,
        "ms": round(seconds * 1000, 2),
        "address": client[0] if client else None,
        "key": principal.key_id if principal else None,
        "application": principal.application if principal else None,
        "page": bool(principal and principal.page),
        "events": state.get("events"),
    }
