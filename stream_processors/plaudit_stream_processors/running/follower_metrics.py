"""The metrics that every process that follows the worker has, under its own prefix."""

from collections.abc import Mapping, Sequence

from plaudit_schemas.service.metrics import Metric, MetricSet


def follower_metrics(prefix: str, process: str) -> tuple[Metric, ...]:
    """The metrics of a follower.

    Args:
        prefix: such as `plaudit_scorer`.
        process: what people call it.
    """
    return (
        Metric(
            f"{prefix}_deleted_records_total", "counter", "Records that Kafka deleted before they were read."
        ),
        Metric(
            f"{prefix}_wait_seconds_total",
            "counter",
            "Seconds that batches waited for the worker to fold their records.",
        ),
        Metric(
            f"{prefix}_batch_seconds", "histogram", "Seconds from a batch's fetch to its acknowledgement."
        ),
        Metric(f"{prefix}_lag_records", "gauge", "Records after the last one handled.", ("partition",)),
        Metric(f"{prefix}_assigned_partitions", "gauge", f"Partitions that this {process} owns."),
        Metric(f"{prefix}_ready", "gauge", f"1 when the {process} is ready, as in /health/ready."),
    )


class FollowerMetrics(MetricSet):
    """The metrics of a process that follows the worker."""

    def __init__(self, prefix: str, process: str, own: Sequence[Metric]) -> None:
        """`own` are those that only this kind of process has."""
        super().__init__((*own, *follower_metrics(prefix, process)))
        self._prefix = prefix

    def note_batch(self, seconds: float) -> None:
        """Count a batch that was acknowledged so many seconds after its fetch."""
        self.histogram(f"{self._prefix}_batch_seconds").observe(seconds)

    def note_wait(self, seconds: float) -> None:
        """Count the seconds that a batch waited for the worker."""
        self.counter(f"{self._prefix}_wait_seconds_total").inc(seconds)

    def note_deleted(self, records: int) -> None:
        """Count records that Kafka deleted before they were read."""
        self.counter(f"{self._prefix}_deleted_records_total").inc(records)

    def show_partitions(self, count: int) -> None:
        """Show how many partitions this process owns."""
        self.gauge(f"{self._prefix}_assigned_partitions").set(count)

    def show_ready(self, ready: bool) -> None:
        """Show whether it is ready."""
        self.gauge(f"{self._prefix}_ready").set(ready)

    def show_lag(self, lag: Mapping[int, int]) -> None:
        """Show the waiting records of each partition that this process owns."""
        # A partition that went to another process must not go on showing its last lag here.
        self.clear(f"{self._prefix}_lag_records")
        for partition, records in lag.items():
            self.gauge(f"{self._prefix}_lag_records", str(partition)).set(records)
