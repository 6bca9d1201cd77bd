"""What a worker shows of itself."""

from plaudit_stream_processors.worker.telemetry import Telemetry
from prometheus_client import generate_latest


def test_a_partition_that_went_to_another_worker_shows_no_lag_any_more() -> None:
    telemetry = Telemetry()
    telemetry.lags({1: 10, 2: 20})
    telemetry.lags({2: 5})
    text = generate_latest(telemetry.registry).decode()
    assert 'plaudit_lag_records{partition="2"} 5.0' in text
    assert 'partition="1"' not in text
