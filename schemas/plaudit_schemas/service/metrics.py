"""Prometheus metrics, declared as data. Each member has a list of its own."""

from collections.abc import Collection, Iterable
from itertools import product
from typing import Any, Literal, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]
M = TypeVar("M", Counter, Gauge, Histogram)


class Metric(NamedTuple):
    """The declaration of one metric.

    Attributes:
        meaning: the help text of the metric.
        labels: the names of its labels. Each must have few values, because every combination of values is a
            series of its own.
        buckets: the upper bounds of a histogram's buckets; empty takes the client library's default.
        values: for each label the values that it may have. Every combination is a series from the start,
            because Prometheus sees no increase in a series that is born with a number. Empty where the values
            are only known later: whoever knows them makes the series with `MetricSet.begin`.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()


class MetricSet:
    """The metrics of one process, by name. Raises KeyError for an undeclared name.

    Attributes:
        registry: the Prometheus registry with all of these metrics.
    """

    def __init__(self, definitions: Collection[Metric]) -> None:
        self.registry = CollectorRegistry()
        self._metrics = {metric.name: self._make(metric) for metric in definitions}
        # Prometheus takes a lock for each look-up of labels, and some metrics change with every request.
        self._children: dict[str, dict[tuple[str, ...], Any]] = {name: {} for name in self._metrics}
        for metric in definitions:
            if metric.values:
                self.begin(metric.name, product(*metric.values))

    def begin(self, name: str, series: Iterable[tuple[str, ...]]) -> None:
        """Make series of a labelled metric at 0, before anything is counted in them.

        Args:
            series: the values of the labels of each, in the declared order.
        """
        for labels in series:
            if labels not in self._children[name]:
                self._children[name][labels] = self._metrics[name].labels(*labels)

    def counter(self, name: str, *labels: str) -> Counter:
        """The counter `name`. `labels` are the values of its labels, in the declared order."""
        return self._find(Counter, name, labels)

    def gauge(self, name: str, *labels: str) -> Gauge:
        """The gauge `name`. `labels` as for `counter`."""
        return self._find(Gauge, name, labels)

    def histogram(self, name: str, *labels: str) -> Histogram:
        """The histogram `name`. `labels` as for `counter`."""
        return self._find(Histogram, name, labels)

    def clear(self, name: str) -> None:
        """Remove all series of a labelled metric. A series is back as soon as it is set again."""
        self._metrics[name].clear()
        self._children[name].clear()

    def value(self, name: str) -> float:
        """The value of a metric without labels. 0 if it was never set."""
        return self.registry.get_sample_value(name) or 0.0

    def _find(self, kind: type[M], name: str, labels: tuple[str, ...]) -> M:
        children = self._children[name]
        found = children.get(labels)
        if found is None:
            metric = self._metrics[name]
            found = children[labels] = metric.labels(*labels) if labels else metric
        assert isinstance(found, kind)  # noqa: S101  # callers name metrics of the right kind
        return found

    def _make(self, metric: Metric) -> Any:
        if metric.kind == "histogram":
            given: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
            return Histogram(metric.name, metric.meaning, metric.labels, registry=self.registry, **given)
        made: type[Counter | Gauge] = Counter if metric.kind == "counter" else Gauge
        return made(metric.name, metric.meaning, metric.labels, registry=self.registry)
