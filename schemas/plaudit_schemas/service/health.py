"""Health and metrics over HTTP: `/health/live`, `/health/ready` and `/metrics`.

A process without a web application serves them on a separate thread (`serve`). A process with a web
application returns the answers from its own routes (`Health.answer_of`).
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from plaudit_schemas.errors import SettingsError

Problem = Callable[[], str | None]
"""Returns what is wrong, or None if nothing is. Called for each request, on any thread."""

LIVE: Final = "/health/live"
READY: Final = "/health/ready"
METRICS: Final = "/metrics"
_LOOP_ANSWERS_WITHIN_S: Final = 5.0


class HealthAnswer(NamedTuple):
    """The answer to a request."""

    status: int
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Health:
    """The health of a process.

    Attributes:
        registry: the metrics.
        unready: why the process must not get work now; None if it is ready.
        dead: why the process must be restarted; None if it is alive.
        degraded: what a ready process has to do without; None if nothing is missing.
        before_metrics: called before each scrape, to bring the metrics up to date.
    """

    registry: CollectorRegistry
    unready: Problem
    dead: Problem = field(default=lambda: None)
    degraded: Problem = field(default=lambda: None)
    before_metrics: Callable[[], None] = field(default=lambda: None)

    def answer_of(self, path: str) -> HealthAnswer | None:
        """The answer for one of the three paths. None for any other path."""
        if path == LIVE:
            reason = self.dead()
            return _answer(
                {"status": "live"} if reason is None else {"status": "dead", "reason": reason}, reason
            )
        if path == READY:
            return self._ready()
        if path == METRICS:
            self.before_metrics()
            return HealthAnswer(HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(self.registry))
        return None

    def _ready(self) -> HealthAnswer:
        reason, degraded = self.unready(), self.degraded()
        body = {"status": "ready" if reason is None else "not ready", "reason": reason}
        return _answer(body if degraded is None else {**body, "degraded": degraded}, reason)


@contextmanager
def serve(
    health: Health, host: str, port: int, setting: str, loop: asyncio.AbstractEventLoop | None = None
) -> Iterator[str]:
    """Serve the three paths on a thread until the `with` block ends. Yields the URL.

    Args:
        port: 0 takes a free one.
        setting: the environment variable of the port, for the error message.
        loop: the event loop that the process works on. The answers are made on it, so that a scrape never
            shows half of a change. If it does not respond within some seconds, the process counts as dead.
            If None, the serving thread makes the answers.

    Raises:
        SettingsError: the host and port cannot be bound.
    """

    class Handler(_Handler):
        answer_of = staticmethod(health.answer_of if loop is None else _answers_on(loop, health))

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise SettingsError(
            f"{setting}: {host}:{port} cannot be served ({error.strerror}); give each process on a host "
            "its own port, or 0 for a free one"
        ) from None
    server.daemon_threads = True  # an open connection must not keep the process alive
    thread = threading.Thread(target=server.serve_forever, args=(0.1,), name="health", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _answers_on(loop: asyncio.AbstractEventLoop, health: Health) -> Callable[[str], HealthAnswer | None]:
    async def answered(path: str) -> HealthAnswer | None:
        return health.answer_of(path)

    def answer_of(path: str) -> HealthAnswer | None:
        try:
            return asyncio.run_coroutine_threadsafe(answered(path), loop).result(_LOOP_ANSWERS_WITHIN_S)
        except TimeoutError:
            return _answer({"status": "dead", "reason": "the event loop does not respond"}, "dead")

    return answer_of


class _Handler(BaseHTTPRequestHandler):
    answer_of: Callable[[str], HealthAnswer | None]
    timeout = 10.0  # seconds until a silent connection is closed, so that it does not hold a thread

    def do_GET(self) -> None:
        found = self.answer_of(self.path.partition("?")[0])
        answer = found or _answer({"status": "not found"}, "not found", HTTPStatus.NOT_FOUND)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing, because probes come every second."""


def _answer(
    body: dict[str, str | None], problem: str | None, status: int = HTTPStatus.SERVICE_UNAVAILABLE
) -> HealthAnswer:
    ok = problem is None
    return HealthAnswer(HTTPStatus.OK if ok else status, "application/json", json.dumps(body).encode())
