"""What a worker knows of itself: counters for Prometheus, and whether it is ready."""

import time
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from plaudit_stream_processors.metrics.figures import Figure
from plaudit_stream_processors.metrics.names import FIGURES, WORKER
from plaudit_stream_processors.metrics.series import labels_of
from plaudit_stream_processors.worker.batches import Prepared

_KINDS: dict[str, type[MetricWrapperBase]] = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


class Telemetry:
    """Counts what was committed, never what was only tried.

    Attributes:
        registry: Prometheus' collector of everything here.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._metrics = {
            metric.name: _KINDS[metric.kind](
                metric.name, metric.meaning, metric.labels, registry=self.registry
            )
            for metric in (*WORKER, *FIGURES)
        }
        self._troubles: dict[int, str] = {}

    def counter(self, name: str) -> Counter:
        """A counter by its name."""
        metric = self._metrics[name]
        assert isinstance(metric, Counter)  # noqa: S101  # names.py says so
        return metric

    def gauge(self, name: str) -> Gauge:
        """A gauge by its name."""
        metric = self._metrics[name]
        assert isinstance(metric, Gauge)  # noqa: S101  # names.py says so
        return metric

    def assigned(self, partitions: set[int]) -> None:
        """The worker owns these partitions from now on."""
        self.gauge("plaudit_assigned_partitions").set(len(partitions))

    def folded(self, seconds: float) -> None:
        """A batch was folded."""
        self.counter("plaudit_fold_seconds_total").inc(seconds)

    def committed(self, prepared: Prepared, fetched_at: float, send_s: float, commit_s: float) -> None:
        """A batch was written."""
        effects = prepared.effects
        for name, amount in (
            ("plaudit_events_total", prepared.events),
            ("plaudit_duplicate_events_total", effects.duplicates),
            ("plaudit_ignored_events_total", effects.ignored),
            ("plaudit_incomplete_conversations_total", effects.incomplete),
            ("plaudit_finished_conversations_total", len(prepared.finished)),
            ("plaudit_late_counts_total", effects.counters.late),
            ("plaudit_commits_total", 1),
            ("plaudit_send_seconds_total", send_s),
            ("plaudit_commit_seconds_total", commit_s),
        ):
            if amount:
                self.counter(name).inc(amount)
        for letter in prepared.dead_letters:
            self.counter("plaudit_dead_letters_total").labels(letter.refusal.reason).inc()
        histogram = self._metrics["plaudit_fetch_to_commit_seconds"]
        assert isinstance(histogram, Histogram)  # noqa: S101  # names.py says so
        histogram.observe(max(0.0, self._clock() - fetched_at))

    def forget_figures(self) -> None:
        """Drop the figures of the last snapshot: another worker may publish them now."""
        for metric in FIGURES:
            self.gauge(metric.name).clear()

    def show(self, window: str, series: str, figures: Iterable[Figure]) -> None:
        """Set the gauges of one series and window."""
        labels = {**labels_of(series)._asdict(), "window": window}
        for figure in figures:
            for name, value in _gauges(figure):
                if value is None:
                    continue
                dimensions = {"rater_kind": figure.rater_kind, "scale": figure.scale, "level": figure.level}
                both = {**labels, **dimensions} if figure.rater_kind else labels
                self.gauge(name).labels(**both).set(value)

    def lags(self, lag: Mapping[int, int]) -> None:
        """Records that wait, by partition; a partition that another worker owns now is not shown any more."""
        gauge = self.gauge("plaudit_lag_records")
        gauge.clear()
        for partition, records in lag.items():
            gauge.labels(str(partition)).set(records)

    @property
    def waiting(self) -> str | None:
        """What does not answer; None while all does."""
        return next(iter(self._troubles.values()), None)

    def trouble(self, partition: int, reason: str | None) -> None:
        """Redis or the registry does not answer for a partition; None when it does again."""
        if reason is None:
            self._troubles.pop(partition, None)
        else:
            self._troubles[partition] = reason

    def unready(
        self,
        *,
        rebalancing: bool,
        waits_since: float | None,
        away: str | None = None,
        stalled_after_s: float = 60.0,
    ) -> str | None:
        """Why the worker is not ready; None when it is.

        Ready means: it owns partitions or waits for them in a settled group, nothing that it needs
        is away, and no partition's fetched records wait for long. `waits_since` is the transport's.
        """
        if rebalancing:
            return "the group is rebalancing"
        if self.waiting is not None or away is not None:
            return f"waiting: {self.waiting or away}"
        if waits_since is not None and self._clock() - waits_since > stalled_after_s:
            return f"records of a partition have waited for their commit for {stalled_after_s:.0f} s"
        return None


_SHARES = {
    "coverage": "plaudit_coverage_ratio",
    "ignore_rate": "plaudit_ignore_ratio",
    "regeneration_rate": "plaudit_regeneration_ratio",
    "messages_assistant": "plaudit_messages",
    "conversations_started": "plaudit_conversations",
    "satisfied": "plaudit_satisfied_ratio",
    "precision": "plaudit_precision_ratio",
}


def _gauges(figure: Figure) -> list[tuple[str, float | None]]:
    """The gauges that show a figure; none for those that only the snapshots carry."""
    estimate = figure.estimate
    if figure.name == "satisfaction":
        return [
            ("plaudit_satisfaction", estimate.value),
            ("plaudit_satisfaction_standard_error", estimate.standard_error),
            ("plaudit_satisfaction_votes", estimate.count),
        ]
    if figure.name == "accuracy":
        return [("plaudit_accuracy_ratio", estimate.value), ("plaudit_accuracy_votes", estimate.count)]
    if figure.name.startswith("response_latency_ms_p"):
        seconds = None if estimate.value is None else estimate.value / 1000
        return [(f"plaudit_response_latency_{figure.name.rpartition('_')[2]}_seconds", seconds)]
    return [(_SHARES[figure.name], estimate.value)] if figure.name in _SHARES else []
