"""Readiness and metrics of a sink."""

from plaudit_consumers.sink.partition import Committed
from plaudit_consumers.sink.telemetry import SINK, Telemetry
from plaudit_consumers.sink.writing import Raw, Refused
from prometheus_client import generate_latest


def test_a_sink_is_ready_once_it_has_joined_and_until_it_stalls_or_waits() -> None:
    now = [0.0]
    telemetry = Telemetry(lambda: now[0])
    assert "not joined" in str(telemetry.unready())
    telemetry.assigned(0)
    assert telemetry.unready() is None
    telemetry.trouble("the disk is full")
    assert telemetry.unready() == "the disk is full"
    telemetry.trouble(None)
    now[0] = 121.0
    assert "not come round" in str(telemetry.unready())
    telemetry.turned({})
    assert telemetry.unready() is None


def test_what_was_committed_is_counted() -> None:
    wall = [10.0]
    telemetry = Telemetry(wall=lambda: wall[0])
    refused = [Refused(Raw(3, 0, None, b""), "truncated", "empty")]
    telemetry.committed(
        Committed(10, 9, {"conversations": 7, "sft": 2}, 1, refused, {"decode": 0.5, "write": 1.5})
    )
    telemetry.turned({0: 5, 1: 7})
    telemetry.waits(4000)
    telemetry.turned({1: 6})
    shown = generate_latest(telemetry.registry).decode()
    for line in (
        "plaudit_sink_records_total 9.0",
        'plaudit_sink_rows_total{subset="conversations"} 7.0',
        'plaudit_sink_files_total{subset="sft"} 1.0',
        "plaudit_sink_repeats_total 1.0",
        'plaudit_sink_refused_total{reason="truncated"} 1.0',
        "plaudit_sink_write_seconds_total 1.5",
        'plaudit_sink_lag_records{partition="1"} 6.0',
        "plaudit_sink_freshness_seconds 6.0",
    ):
        assert line + "\n" in shown
    assert 'partition="0"' not in shown
    wall[0] = 13.0  # no turn since: the loop waits for the output, and the age grows all the same
    assert "plaudit_sink_freshness_seconds 9.0\n" in generate_latest(telemetry.registry).decode()
    telemetry.waits(None)
    assert "plaudit_sink_freshness_seconds 0.0\n" in generate_latest(telemetry.registry).decode()


def test_names_follow_prometheus_conventions() -> None:
    for metric in SINK:
        assert metric.name.startswith("plaudit_sink_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.meaning.endswith(".")
