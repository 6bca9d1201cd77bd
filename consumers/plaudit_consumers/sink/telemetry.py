"""What a sink knows of itself: metrics for Prometheus, and whether it is ready.

Labels are bounded by subsets, reasons or partitions.
"""

import time
from collections.abc import Callable, Mapping
from typing import Final

from plaudit_schemas.metric import Metric
from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics import MetricWrapperBase

from plaudit_consumers.sink.partition import Committed

SINK: Final[tuple[Metric, ...]] = (
    Metric("plaudit_sink_records_total", "counter", "Records that are in the output, or refused."),
    Metric("plaudit_sink_rows_total", "counter", "Rows in the output.", ("subset",)),
    Metric("plaudit_sink_files_total", "counter", "Files in the output.", ("subset",)),
    Metric("plaudit_sink_repeats_total", "counter", "Records that were in the output before."),
    Metric("plaudit_sink_refused_total", "counter", "Unreadable records, by reason.", ("reason",)),
    Metric("plaudit_sink_lost_records_total", "counter", "Records that Kafka deleted before the sink came."),
    Metric("plaudit_sink_commits_total", "counter", "Ranges committed."),
    Metric("plaudit_sink_waits_total", "counter", "Times that the output could not be written just then."),
    Metric("plaudit_sink_decode_seconds_total", "counter", "Seconds spent on decoding and canonical rows."),
    Metric("plaudit_sink_derive_seconds_total", "counter", "Seconds spent on training rows."),
    Metric("plaudit_sink_write_seconds_total", "counter", "Seconds spent on Parquet."),
    Metric("plaudit_sink_assigned_partitions", "gauge", "Partitions that this sink owns."),
    Metric("plaudit_sink_lag_records", "gauge", "Records that are not in the output yet.", ("partition",)),
    Metric("plaudit_sink_freshness_seconds", "gauge", "Age of the oldest record not in the output."),
    Metric("plaudit_sink_ready", "gauge", "1 when the sink is ready, as /health/ready tells."),
)  # fmt: skip
STAGES: Final = ("decode", "derive", "write")
_KINDS: dict[str, type[MetricWrapperBase]] = {"counter": Counter, "gauge": Gauge}
_STALLED_AFTER_S: Final = 120.0


class Telemetry:
    """Counts what is in the output, never what was only tried.

    Attributes:
        registry: Prometheus' collector of everything here.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self.registry = CollectorRegistry()
        self._clock = clock
        self._metrics = {
            metric.name: _KINDS[metric.kind](
                metric.name, metric.meaning, metric.labels, registry=self.registry
            )
            for metric in SINK
        }
        self._joined = False
        self._trouble: str | None = None
        self._oldest_ms: int | None = None
        # At each scrape: while the loop waits for the output, nothing else would let it grow.
        self.gauge("plaudit_sink_freshness_seconds").set_function(
            lambda: 0.0 if self._oldest_ms is None else max(0.0, wall() - self._oldest_ms / 1000)
        )
        self._last_turn = clock()
        self._shown: set[int] = set()

    def counter(self, name: str) -> Counter:
        """A counter by its name."""
        metric = self._metrics[name]
        assert isinstance(metric, Counter)  # noqa: S101  # SINK says so
        return metric

    def gauge(self, name: str) -> Gauge:
        """A gauge by its name."""
        metric = self._metrics[name]
        assert isinstance(metric, Gauge)  # noqa: S101  # SINK says so
        return metric

    def committed(self, committed: Committed) -> None:
        """A range is in the output."""
        self.counter("plaudit_sink_records_total").inc(committed.records)
        self.counter("plaudit_sink_commits_total").inc()
        self.counter("plaudit_sink_repeats_total").inc(committed.repeats)
        for subset, rows in committed.rows.items():
            self.counter("plaudit_sink_rows_total").labels(subset).inc(rows)
            self.counter("plaudit_sink_files_total").labels(subset).inc()
        for refused in committed.refused:
            self.counter("plaudit_sink_refused_total").labels(refused.reason).inc()
        for stage, seconds in committed.stage_seconds.items():
            self.counter(f"plaudit_sink_{stage}_seconds_total").inc(seconds)

    def stage_seconds(self) -> dict[str, float]:
        """Where the time of what is in the output went."""
        names = {stage: f"plaudit_sink_{stage}_seconds_total" for stage in STAGES}
        return {stage: self.registry.get_sample_value(name) or 0.0 for stage, name in names.items()}

    def assigned(self, partitions: int) -> None:
        """The sink owns so many partitions; in a settled group that may be none."""
        self.gauge("plaudit_sink_assigned_partitions").set(partitions)
        self._joined = True

    def waits(self, oldest_ms: int | None) -> None:
        """The broker's timestamp of the oldest record that is not in the output; None where all are."""
        self._oldest_ms = oldest_ms

    def turned(self, lag: Mapping[int, int]) -> None:
        """The loop came round."""
        self._last_turn = self._clock()
        gauge = self.gauge("plaudit_sink_lag_records")
        for partition, records in lag.items():
            gauge.labels(str(partition)).set(records)
        for partition in self._shown - set(lag):
            gauge.remove(str(partition))
        self._shown = set(lag)

    def trouble(self, reason: str | None) -> None:
        """What the sink waits for; None when it goes on."""
        self._trouble = reason

    def unready(self) -> str | None:
        """Why the sink is not ready; None when it is: it has joined, can write, and comes round."""
        if self._trouble is not None:
            return self._trouble
        if not self._joined:
            return "it has not joined its group yet"
        if self._clock() - self._last_turn > _STALLED_AFTER_S:
            return f"it has not come round for {_STALLED_AFTER_S:.0f} s"
        return None
