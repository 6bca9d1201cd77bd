"""What is pure in the stream's cases: the part of the log that is measured, costs, ratios and rows."""

from pathlib import Path

import pytest

from benchmarks.cases.stream import rows_of
from benchmarks.measuring import Measurement, Span, _Mark, between, measure, number_in, warm_span
from benchmarks.report import figures_of, paired


@pytest.mark.parametrize(
    ("total", "first"),
    [(1_000_000, 200_000), (5_000_000, 200_000), (100_000, 20_000), (3, 1)],
    ids=["a million", "more", "a short log", "hardly anything"],
)
def test_the_start_of_the_log_is_left_out(total: int, first: int) -> None:
    assert warm_span(total, 60) == Span(first, total, 60)


def test_costs_and_rate_are_of_the_same_events() -> None:
    first = _Mark(200, 10.0, {"process": 5.0, "Valkey": 1.0})
    last = _Mark(1200, 12.0, {"process": 5.05, "Valkey": 1.001})
    measured = between(first, last, 80.0)
    assert measured.rate == 500
    assert measured.microseconds == {"process": pytest.approx(50), "Valkey": pytest.approx(1)}
    assert measured.memory_mib == 80


def test_only_the_span_is_measured() -> None:
    seen = iter([0, 10, 25, 60, 100])
    measured = measure(lambda: next(seen), Span(first=20, last=100, limit_s=60), [], {})
    # The 75 events from 25 on take two pauses of a tenth of a second or more.
    assert 0 < measured.rate <= 375


def test_a_process_that_stands_still_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="nothing was folded after event 30"):
        measure(lambda: 30, Span(first=20, last=100, limit_s=0), [], {})


def _measured(rate: float) -> Measurement:
    return Measurement(rate, {"process": 1e6 / rate, "Valkey": 2.0, "broker": 3.0}, 100.0)


def test_the_worker_is_compared_with_each_peer_and_each_case_has_its_costs() -> None:
    rows = rows_of(
        {
            "plain-faust": [_measured(1_000), _measured(2_000)],
            "quix": [_measured(10_000), _measured(10_000)],
            "worker": [_measured(20_000), _measured(40_000)],
        }
    )
    by_case = {row["case"]: row for row in rows}
    assert by_case["quix"]["ratio_to"] == "plain-faust"
    assert by_case["plain-faust"]["ratio_to"] is None
    # 20 and 20 in the two turns: both were slow in the first.
    assert figures_of(by_case["worker / plain-faust"]) == ("20.00", "20.00", "20.00")
    assert figures_of(by_case["worker / quix"]) == ("2.00", "3.00", "4.00")
    assert {name for name in by_case if name.startswith("quix: ")} == {
        "quix: own processor time", "quix: Valkey", "quix: broker", "quix: memory",
    }  # fmt: skip
    assert by_case["worker: own processor time"]["max"] == 50


def test_without_the_worker_there_is_nothing_beside_it() -> None:
    assert not [row for row in rows_of({"quix": [_measured(1_000)]}) if " / " in row["case"]]


def test_turns_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        paired("worker / quix", [1.0, 2.0], [1.0])


def test_progress_that_is_not_written_yet_is_none(tmp_path: Path) -> None:
    assert number_in(tmp_path / "none") == 0
    (tmp_path / "done").write_text("1200", encoding="utf-8")
    assert number_in(tmp_path / "done") == 1200
