"""The health and the metrics of the chat page."""

import time
from collections.abc import Callable
from typing import Final

from plaudit_schemas.service.health import Health
from plaudit_schemas.service.http_limits import HTTP_METRICS
from plaudit_schemas.service.metrics import Metric, MetricSet

from plaudit_producers.sdk.outbox import Stats

_OUTCOMES: Final = ("accepted", "delivered", "failed", "dropped")

CHAT_METRICS: Final = (
    *HTTP_METRICS,
    Metric(
        "plaudit_chat_events_total",
        "counter",
        "Events of the chat page by what became of them: accepted, delivered, failed or dropped.",
        ("outcome",),
        values=(_OUTCOMES,),
    ),
    Metric("plaudit_chat_events_waiting", "gauge", "Events that Kafka has not acknowledged yet."),
    Metric("plaudit_chat_spool_bytes", "gauge", "Size of the chat page's spool, in bytes."),
)
"""Every Prometheus metric of the chat page."""

_AWAY_AFTER_S: Final = 10.0


class DeliveryHealth:
    """Watches what becomes of the events. Without Kafka the page is ready but degraded: they are kept."""

    def __init__(
        self, stats: Callable[[], Stats], metrics: MetricSet, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Takes the producer's `stats`, and counts in `metrics`, which has CHAT_METRICS."""
        self._stats = stats
        self._clock = clock
        self._metrics = metrics
        self._counted = dict.fromkeys(_OUTCOMES, 0)
        self._delivered, self._moved_at = 0, clock()

    def health(self) -> Health:
        """The answers of the health and metrics routes."""
        return Health(
            self._metrics.registry,
            unready=lambda: None,
            degraded=self.problem,
            before_metrics=self.count,
        )

    def problem(self) -> str | None:
        """Why nothing reaches Kafka; None if it does, or nothing has to."""
        stats, now = self._stats(), self._clock()
        if not stats.waiting or stats.delivered != self._delivered:
            self._delivered, self._moved_at = stats.delivered, now
        if now - self._moved_at < _AWAY_AFTER_S:
            return None
        return f"Kafka does not acknowledge; {stats.waiting} events wait"

    def count(self) -> None:
        """Bring the metrics up to date."""
        stats = self._stats()
        for outcome in _OUTCOMES:
            number = getattr(stats, outcome)
            self._metrics.counter("plaudit_chat_events_total", outcome).inc(number - self._counted[outcome])
            self._counted[outcome] = number
        self._metrics.gauge("plaudit_chat_events_waiting").set(stats.waiting)
        self._metrics.gauge("plaudit_chat_spool_bytes").set(stats.spool_bytes)
