"""What a worker shows of itself."""

from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from prometheus_client import generate_latest


def test_a_partition_that_went_to_another_worker_shows_no_lag_any_more() -> None:
    metrics = WorkerMetrics()
    metrics.show_lag({1: 10, 2: 20})
    metrics.show_lag({2: 5})
    text = generate_latest(metrics.registry).decode()
    assert 'plaudit_lag_records{partition="2"} 5.0' in text
    assert 'partition="1"' not in text
