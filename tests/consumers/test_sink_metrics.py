"""Readiness and metrics of a sink."""

from plaudit_consumers.rows.schemas import Subset
from plaudit_consumers.sink.commit.partition import CommittedRange
from plaudit_consumers.sink.loop.metrics import SINK_METRICS, SinkMetrics
from plaudit_consumers.sink.loop.readiness import SinkReadiness
from plaudit_schemas.contract.reasons import Refusal
from plaudit_schemas.kafka.dead_letters import DeadLetter
from plaudit_schemas.kafka.record import KafkaRecord
from prometheus_client import generate_latest


def test_a_sink_is_ready_once_it_has_joined_and_until_it_stalls_or_waits() -> None:
    now = [0.0]
    readiness = SinkReadiness(lambda: now[0])
    assert "not in its consumer group" in str(readiness.problem())
    readiness.mark_joined()
    assert readiness.problem() is None
    readiness.output_problem = "the disk is full"
    assert readiness.problem() == "the disk is full"
    readiness.output_problem = None
    now[0] = 121.0
    assert "no progress" in str(readiness.problem())
    readiness.mark_turn()
    assert readiness.problem() is None


def test_what_was_committed_is_counted() -> None:
    wall = [10.0]
    metrics = SinkMetrics(lambda: wall[0])
    letters = [DeadLetter.of(KafkaRecord(0, 3, 0, None, b""), "finished", Refusal("truncated", "empty"))]
    rows: dict[Subset, int] = {"conversations": 7, "amendments": 2}
    metrics.count_commit(CommittedRange(0, 10, 9, rows, 1, letters, {"decode": 0.5, "write": 1.5}))
    metrics.show_lag({0: 5, 1: 7})
    metrics.show_oldest_record(4000)
    metrics.show_lag({1: 6})
    shown = generate_latest(metrics.registry).decode()
    for line in (
        "plaudit_sink_records_total 9.0",
        'plaudit_sink_rows_total{subset="conversations"} 7.0',
        'plaudit_sink_files_total{subset="amendments"} 1.0',
        "plaudit_sink_repeats_total 1.0",
        'plaudit_sink_refused_total{reason="truncated"} 1.0',
        "plaudit_sink_write_seconds_total 1.5",
        'plaudit_sink_lag_records{partition="1"} 6.0',
        "plaudit_sink_freshness_seconds 6.0",
    ):
        assert line + "\n" in shown
    assert 'partition="0"' not in shown
    wall[0] = 13.0  # no turn since: the loop waits for the output, and the age grows all the same
    assert "plaudit_sink_freshness_seconds 9.0\n" in generate_latest(metrics.registry).decode()
    metrics.show_oldest_record(None)
    assert "plaudit_sink_freshness_seconds 0.0\n" in generate_latest(metrics.registry).decode()


def test_names_follow_prometheus_conventions() -> None:
    for metric in SINK_METRICS:
        assert metric.name.startswith("plaudit_sink_")
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.meaning.endswith(".")
