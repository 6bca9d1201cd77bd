"""Estimates against values worked out otherwise."""

import random
from statistics import mean as plain_mean
from statistics import variance

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plaudit_schemas.contract.limits import FUTURE_MICROS
from plaudit_stream_processors.metrics.buckets import LONG_US, SHORT_US, Counters
from plaudit_stream_processors.metrics.estimates import (
    Clusters,
    Estimate,
    design_effect,
    mean,
    proportion,
    share,
)
from plaudit_stream_processors.metrics.figure import Figure
from plaudit_stream_processors.metrics.figures import figures
from plaudit_stream_processors.metrics.histograms import index_of, middle_of, quantile
from plaudit_stream_processors.metrics.series import Labels, labels_of, series_name
from plaudit_stream_processors.metrics.windows import WINDOWS, bucket_names, window_figures


def _clusters(votes: list[list[int]]) -> Clusters:
    sums = [(len(conversation), sum(conversation)) for conversation in votes if conversation]
    return Clusters(
        len(sums),
        sum(n for n, _ in sums),
        sum(s for _, s in sums),
        sum(s * s for _, s in sums),
        sum(n * s for n, s in sums),
        sum(n * n for n, _ in sums),
    )


def test_a_share_has_wilsons_interval() -> None:
    estimate = share(50, 100)
    assert (estimate.low, estimate.high) == pytest.approx((0.4038, 0.5962), abs=1e-4)
    assert share(0, 0) == Estimate(None, 0)


def test_independent_votes_have_the_plain_standard_error() -> None:
    rng = random.Random(3)
    votes = [[rng.choice((1000, 5000))] for _ in range(400)]
    flat = [vote for (vote,) in votes]
    estimate = mean(len(flat), sum(flat), sum(vote * vote for vote in flat), _clusters(votes))
    assert estimate.value == pytest.approx(plain_mean(flat) / 1000)
    assert estimate.standard_error == pytest.approx((variance(flat) / len(flat)) ** 0.5 / 1000, rel=0.01)


def test_an_interval_of_ratings_ends_where_the_scale_does() -> None:
    few = mean(2, 8000, 34_000_000, _clusters([[3000], [5000]]))
    assert (few.value, few.high) == (4.0, 5.0)
    assert few.low == pytest.approx(4 - 1.96, abs=1e-3)
    assert few.standard_error == pytest.approx(1.0)
    poor = mean(2, 4000, 10_000_000, _clusters([[1000], [3000]]))
    assert poor.low == 1.0
    assert poor.high == pytest.approx(2 + 1.96, abs=1e-3)


def test_votes_that_are_all_the_same_have_no_interval() -> None:
    same = mean(3, 15_000, 75_000_000, _clusters([[5000]] * 3))
    assert (same.value, same.low, same.high, same.count) == (5.0, None, None, 3)


def test_votes_that_go_together_widen_the_interval() -> None:
    rng = random.Random(3)
    votes = [[rng.choice((0, 1000))] * 9 for _ in range(100)]
    flat = [vote for conversation in votes for vote in conversation]
    effect = design_effect(_clusters(votes), variance(flat))
    assert effect == pytest.approx(9, rel=0.05)
    clustered = proportion(len(flat), sum(flat), _clusters(votes))
    lone = share(sum(flat) // 1000, len(flat))
    assert clustered.value == lone.value
    assert clustered.low is not None
    assert lone.low is not None
    assert clustered.low < lone.low - 0.05
    assert clustered.voters == 100


@given(st.floats(1, 1e9))
def test_a_histograms_middle_is_within_five_per_cent(value: float) -> None:
    assert abs(middle_of(index_of(value)) / value - 1) <= 0.05


def test_quantiles_go_by_rank() -> None:
    assert quantile({}, 0.5) is None
    counts = {index_of(100): 50, index_of(1000): 49, index_of(9000): 1}
    assert quantile(counts, 0.5) == pytest.approx(100, rel=0.05)
    assert quantile(counts, 0.95) == pytest.approx(1000, rel=0.05)
    assert quantile(counts, 1.0) == pytest.approx(9000, rel=0.05)


@given(st.lists(st.text(), min_size=5, max_size=5))
def test_a_series_name_can_be_read_back(values: list[str]) -> None:
    labels = Labels(*(value.encode("utf-8", "replace").decode() for value in values))
    assert labels_of(series_name(labels)) == labels
    assert series_name(labels).count("|") == 4


def test_a_window_is_its_last_buckets_and_a_minute_ahead() -> None:
    at = 1_000_000 * LONG_US
    for window in WINDOWS:
        names = bucket_names(window, at)
        last = names.index(next(name for name in names if name.endswith(f":{at // 1_000_000}")))
        assert (last + 1) * window.bucket_us == window.seconds * 1_000_000
        ahead = (at + FUTURE_MICROS) // window.bucket_us * window.bucket_us
        assert names[-1].endswith(f":{ahead // 1_000_000}"), "a producer may be a minute fast"
    counters = Counters()
    for age in (-59, 0, 59, 61, 4000):
        counters.add(["a|m|||sdk"], "messages:assistant", at - age * 1_000_000, at // 1000)
    buckets = counters.by_bucket()
    found = {window.name: window_figures([buckets], window, at + SHORT_US - 1) for window in WINDOWS}
    assert {name: _messages(series) for name, series in found.items()} == {
        "1m": 2,
        "5m": 4,
        "1h": 4,
        "24h": 5,
    }


def _messages(series: dict[str, list[Figure]]) -> int:
    (found,) = series.values()
    return next(figure.estimate.count for figure in found if figure.name == "messages_assistant")


def test_no_votes_give_no_figure_and_no_messages_no_share() -> None:
    found = {figure.name: figure.estimate.value for figure in figures({"accuracy:user:n": 0})}
    assert found["accuracy"] is None
    assert found["coverage"] is None
