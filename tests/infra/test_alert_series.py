"""Alerts on counters can fire: their series are there before anything is counted, and a rise is seen once."""

import re

import pytest
from plaudit_consumers.sink.loop.metrics import SinkMetrics
from plaudit_infra.console.run import CONSOLE_METRICS
from plaudit_producers.gateway.http.app import OPERATIONS
from plaudit_producers.gateway.http.observer import request_series
from plaudit_producers.gateway.metrics import GATEWAY_METRICS
from plaudit_schemas.alerts import definitions, seconds
from plaudit_schemas.service.metrics import Metric, MetricSet
from plaudit_stream_processors.review_queue.metrics import ReviewQueueMetrics
from plaudit_stream_processors.scoring.metrics import ScorerMetrics
from plaudit_stream_processors.worker.prometheus_metrics import WorkerMetrics

from tests.support.metric_names import declared_metrics

KNOWN_LATER = {
    "plaudit_gateway_requests_total": "its routes are those of the app, which begins the series",
    "plaudit_scorer_scores_total": "its versions are those that are loaded, which begins the series",
}
_SELECTOR = re.compile(r"(plaudit_\w+_total)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')


def without_values(metrics: tuple[Metric, ...]) -> set[str]:
    """Labelled counters of which nobody says which series there are from the start."""
    return {
        metric.name
        for metric in metrics
        if metric.kind == "counter" and metric.labels and len(metric.values) != len(metric.labels)
    }


def selected_counters() -> list[tuple[str, str]]:
    """Every counter that a rule reads, with its matchers."""
    found = definitions()
    rules = [*(rule.expr for rule in found.records), *(rule.expr for rule in found.alerts)]
    return sorted({(each[1], each[2] or "") for text in rules for each in _SELECTOR.finditer(text)})


def test_every_labelled_counter_declares_its_series() -> None:
    assert without_values(declared_metrics()) == KNOWN_LATER.keys()


def test_a_labelled_counter_without_values_is_seen() -> None:
    born_later = Metric("plaudit_new_total", "counter", "New.", ("reason",))
    half = Metric("plaudit_half_total", "counter", "Half.", ("a", "b"), values=(("x",),))
    whole = born_later._replace(name="plaudit_whole_total", values=(("x",),))
    assert without_values((born_later, half, whole)) == {"plaudit_new_total", "plaudit_half_total"}


@pytest.mark.parametrize(("name", "matchers"), selected_counters())
def test_what_an_alert_selects_exists_before_anything_is_counted(name: str, matchers: str) -> None:
    gateway = MetricSet(GATEWAY_METRICS)
    gateway.begin("plaudit_gateway_requests_total", request_series(OPERATIONS))
    console = MetricSet(CONSOLE_METRICS)
    sets = [WorkerMetrics(), SinkMetrics(), ScorerMetrics(), ReviewQueueMetrics(), gateway, console]
    samples = [
        sample
        for each in sets
        for family in each.registry.collect()
        for sample in family.samples
        if sample.name == name
    ]
    if name == "plaudit_scorer_scores_total":
        assert samples == []  # `vector(0)` stands for it until a version is loaded
        return
    assert samples
    assert {sample.value for sample in samples} == {0.0}
    for label, sign, wanted in _MATCHER.findall(matchers):
        values = {sample.labels[label] for sample in samples}
        named = [wanted] if sign == "=" else re.split(r"\|", wanted)
        assert all(any(re.fullmatch(pattern, value) for value in values) for pattern in named), values


@pytest.mark.parametrize("profile", sorted(definitions().profiles))
def test_what_is_counted_once_is_seen_for_longer_than_an_alert_waits(profile: str) -> None:
    """An alert waits for `hold`. A rise that its window forgets sooner would never become one."""
    limits = definitions().limits(profile)
    rules = {rule.record: rule.expr for rule in definitions().records}
    rules |= {alert.alert: alert.expr for alert in definitions().alerts}
    del rules["job:plaudit_events:rate"]  # no alert reads it
    del rules["PlauditKeysUnread"]  # reads are tried again every few seconds, so failures go on
    windows = {
        name: set(re.findall(r"_total(?:\{[^}]*\})?\[\$(\w+)\]", text)) for name, text in rules.items()
    }
    assert {name: found for name, found in windows.items() if found - {"recent"}} == {}
    assert seconds(limits.recent) > seconds(limits.hold) + 4 * seconds(limits.interval)
