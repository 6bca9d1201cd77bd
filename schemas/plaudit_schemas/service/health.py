"""Health and metrics over HTTP: `/health/live`, `/health/ready` and `/metrics`.

A process without a web application serves them on a thread (`health_server.serve`), and so does one whose
health has a port of its own. Else the web application has routes for them (`web_routes.health_routes`).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

Problem = Callable[[], str | None]
"""Returns what is wrong, or None if nothing is. Called for each request, on any thread."""

LIVE: Final = "/health/live"
READY: Final = "/health/ready"
METRICS: Final = "/metrics"


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
            return json_answer(
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
        return json_answer(body if degraded is None else {**body, "degraded": degraded}, reason)


def health_once_started(
    registry: CollectorRegistry, started: Callable[[], Health | None], stopping: Callable[[], bool]
) -> Health:
    """The health of a process from its start to its end, for a port of its own.

    Args:
        started: the application's own health; None before the application has started.
        stopping: whether the process was told to stop. It must get no new work then.
    """

    def unready() -> str | None:
        found = started()
        return "stopping" if stopping() else "starting" if found is None else found.unready()

    def dead() -> str | None:
        found = started()
        return None if found is None else found.dead()

    def degraded() -> str | None:
        found = started()
        return None if found is None else found.degraded()

    def before_metrics() -> None:
        found = started()
        if found is not None:
            found.before_metrics()

    return Health(registry, unready, dead, degraded, before_metrics)


def json_answer(
    body: dict[str, str | None], problem: str | None, status: int = HTTPStatus.SERVICE_UNAVAILABLE
) -> HealthAnswer:
    """An answer in JSON: `status` if there is a problem, else 200."""
    ok = problem is None
    return HealthAnswer(HTTPStatus.OK if ok else status, "application/json", json.dumps(body).encode())
