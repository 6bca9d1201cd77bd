"""The sink's metrics for Prometheus."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from plaudit_schemas.contract.reasons import REASONS
from plaudit_schemas.service.metrics import Metric, MetricSet

from plaudit_consumers.rows.schemas import SUBSETS
from plaudit_consumers.sink.commit.partition import CommittedRange

SINK_METRICS: Final[tuple[Metric, ...]] = (
    Metric("plaudit_sink_records_total", "counter", "Records that were written to the output, or refused."),
    Metric("plaudit_sink_rows_total", "counter", "Rows in the output.", ("subset",), values=(SUBSETS,)),
    Metric("plaudit_sink_files_total", "counter", "Files in the output.", ("subset",), values=(SUBSETS,)),
    Metric("plaudit_sink_repeats_total", "counter", "Repeats: records that had been written before."),
    Metric(
        "plaudit_sink_refused_total",
        "counter",
        "Unreadable records, by reason.",
        ("reason",),
        values=(REASONS,),
    ),
    Metric("plaudit_sink_lost_records_total", "counter", "Records that Kafka deleted before they were read."),
    Metric("plaudit_sink_commits_total", "counter", "Ranges committed."),
    Metric(
        "plaudit_sink_waits_total",
        "counter",
        "Times that the output could not be used, or a record not be read.",
    ),
    Metric("plaudit_sink_decode_seconds_total", "counter", "Seconds spent decoding to canonical rows."),
    Metric("plaudit_sink_write_seconds_total", "counter", "Seconds spent writing Parquet."),
    Metric("plaudit_sink_assigned_partitions", "gauge", "Partitions that this sink owns."),
    Metric("plaudit_sink_lag_records", "gauge", "Records that are not in the output yet.", ("partition",)),
    Metric(
        "plaudit_sink_freshness_seconds",
        "gauge",
        "Age of the oldest record in Kafka that is not in the output, in all partitions.",
    ),
    Metric(
        "plaudit_sink_lost_timestamp_seconds",
        "gauge",
        "When a sink last found that Kafka had deleted unread records, as the output records it; 0 if never.",
    ),
    Metric(
        "plaudit_sink_moved_schemas",
        "gauge",
        "Schema ids that mean another schema than before, so that nothing is read by them.",
    ),
    Metric("plaudit_sink_ready", "gauge", "1 when the sink is ready, as at /health/ready."),
)
STAGES: Final = ("decode", "write")


class SinkMetrics(MetricSet):
    """Counts only what is in the output, so that failed attempts leave the counters alone."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        super().__init__(SINK_METRICS)
        self._wall_clock = wall_clock
        self._oldest_ms: int | None = None
        self._oldest_waiting_ms: int | None = None
        self._lagging: set[int] = set()
        # Computed at each scrape, so that the age grows even while the loop waits for the output.
        self.gauge("plaudit_sink_freshness_seconds").set_function(self._freshness_seconds)

    def count_commit(self, committed: CommittedRange) -> None:
        """Count a range that is in the output."""
        self.counter("plaudit_sink_records_total").inc(committed.records)
        self.counter("plaudit_sink_commits_total").inc()
        self.counter("plaudit_sink_repeats_total").inc(committed.repeats)
        for subset, rows in committed.rows.items():
            self.counter("plaudit_sink_rows_total", subset).inc(rows)
            self.counter("plaudit_sink_files_total", subset).inc()
        for letter in committed.dead_letters:
            self.counter("plaudit_sink_refused_total", letter.refusal.reason).inc()
        for stage, seconds in committed.stage_seconds.items():
            self.counter(f"plaudit_sink_{stage}_seconds_total").inc(seconds)

    def stage_seconds(self) -> dict[str, float]:
        """Seconds spent in each stage on what is in the output."""
        return {stage: self.value(f"plaudit_sink_{stage}_seconds_total") for stage in STAGES}

    def show_lag(self, lag: Mapping[int, int]) -> None:
        """Show the lag in records by partition; `lag` has all partitions of this sink and no others."""
        # A revoked partition must not keep its last lag: another sink shows it now.
        if not self._lagging <= lag.keys():
            self.clear("plaudit_sink_lag_records")
        self._lagging = set(lag)
        for partition, records in lag.items():
            self.gauge("plaudit_sink_lag_records", str(partition)).set(records)

    def show_oldest_record(self, oldest_ms: int | None) -> None:
        """Set the oldest record that this sink has read and that is not in the output.

        Args:
            oldest_ms: its broker timestamp; None if all are in the output.
        """
        self._oldest_ms = oldest_ms

    def show_loss(self, noticed_s: float) -> None:
        """Set when records were last found missing, in seconds since 1970."""
        self.gauge("plaudit_sink_lost_timestamp_seconds").set(noticed_s)

    def show_oldest_waiting(self, oldest_ms: int | None) -> None:
        """Set the oldest record in Kafka that is not in the output, whichever sink should write it.

        Args:
            oldest_ms: its broker timestamp; None if all are in the output.
        """
        self._oldest_waiting_ms = oldest_ms

    def _freshness_seconds(self) -> float:
        known = [at for at in (self._oldest_ms, self._oldest_waiting_ms) if at is not None]
        return max(0.0, self._wall_clock() - min(known) / 1000) if known else 0.0
