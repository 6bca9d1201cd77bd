"""What a worker shows of itself."""

import pytest
from plaudit_stream_processors.metrics.figures import figures
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics
from prometheus_client import generate_latest


def test_the_figures_of_a_scorer_have_gauges_by_scorer_and_aspect() -> None:
    metrics = WorkerMetrics()
    family = "agreement:reviewer:is%20it%3A%20good:taste:v1"
    counts = {
        f"{family}:{what}": amount
        for what, amount in {
            "n": 4, "sum": 3000, "sumsq": 3_000_000, "voters": 4, "cn": 4, "cs": 3000, "css": 3_000_000,
            "csn": 3000, "cnn": 4, "yes:45": 2, "yes:5": 1, "no:5": 1, "error": 900_000, "tenth:9": 1800,
            "tenth:1": 200,
        }.items()
    }  # fmt: skip
    metrics.show_figures("1h", "shop|m|1||sdk", figures(counts))
    labels = (
        'application="shop",aspect="is it: good",model="m",model_version="1",rater_kind="reviewer",'
        'scorer="taste:v1",source="sdk",variant="",window="1h"'
    )
    lines = generate_latest(metrics.registry).decode().splitlines()
    shown = dict(
        line.replace(f"{{{labels}}}", "").split(" ") for line in lines if line.startswith("plaudit_agreement")
    )
    assert shown["plaudit_agreement_messages"] == "4.0"
    assert shown["plaudit_agreement_accuracy_ratio"] == "0.75"
    assert float(shown["plaudit_agreement_accuracy_standard_error"]) == pytest.approx(0.25)
    assert float(shown["plaudit_agreement_auc_ratio"]) == pytest.approx(2.5 / 3)
    assert float(shown["plaudit_agreement_mcc"]) == pytest.approx(1 / 3**0.5)
    assert float(shown["plaudit_agreement_brier_score"]) == pytest.approx(0.225)
    assert float(shown["plaudit_agreement_calibration_error"]) == pytest.approx(0.25)
    assert shown["plaudit_agreement_calibration_error_low"] == "0.0"
    metrics.clear_figures()
    assert "plaudit_agreement_messages{" not in generate_latest(metrics.registry).decode()


def test_a_partition_that_went_to_another_worker_shows_no_lag_any_more() -> None:
    metrics = WorkerMetrics()
    metrics.show_lag({1: 10, 2: 20})
    metrics.show_lag({2: 5})
    text = generate_latest(metrics.registry).decode()
    assert 'plaudit_lag_records{partition="2"} 5.0' in text
    assert 'partition="1"' not in text
