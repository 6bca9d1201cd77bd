"""Prometheus metrics, declared as data: each member lists its own, and the docs print the lists."""

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Kind = Literal["counter", "gauge", "histogram"]
M = TypeVar("M", Counter, Gauge, Histogram)


class Metric(NamedTuple):
    """One metric. Each label has few values: every combination of them is a series of its own.

    Attributes:
        buckets: upper bounds of a histogram; none takes Prometheus' own.
    """

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class MetricSet:
    """The metrics of one process, by name.

    Attributes:
        registry: Prometheus' collector of everything here.
    """

    def __init__(self, definitions: Iterable[Metric]) -> None:
        self.registry = CollectorRegistry()
        self._metrics = {metric.name: self._make(metric) for metric in definitions}
        # Looking a label up takes a lock and a tuple each time; some are asked for in every request.
        self._children: dict[str, dict[tuple[str, ...], Any]] = {name: {} for name in self._metrics}

    def counter(self, name: str, *labels: str) -> Counter:
        """A counter, of these labels where it has some."""
        return self._find(Counter, name, labels)

    def gauge(self, name: str, *labels: str) -> Gauge:
        """A gauge, likewise."""
        return self._find(Gauge, name, labels)

    def histogram(self, name: str, *labels: str) -> Histogram:
        """A histogram, likewise."""
        return self._find(Histogram, name, labels)

    def clear(self, name: str) -> None:
        """Show no series of a labelled metric until they are set again."""
        self._metrics[name].clear()
        self._children[name].clear()

    def value(self, name: str) -> float:
        """The value of a metric without labels; 0 before it was set."""
        return self.registry.get_sample_value(name) or 0.0

    def _find(self, kind: type[M], name: str, labels: tuple[str, ...]) -> M:
        children = self._children[name]
        found = children.get(labels)
        if found is None:
            metric = self._metrics[name]
            found = children[labels] = metric.labels(*labels) if labels else metric
        assert isinstance(found, kind)  # noqa: S101  # the definitions say so
        return found

    def _make(self, metric: Metric) -> Any:
        if metric.kind == "histogram":
            given: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
            return Histogram(metric.name, metric.meaning, metric.labels, registry=self.registry, **given)
        made: type[Counter | Gauge] = Counter if metric.kind == "counter" else Gauge
        return made(metric.name, metric.meaning, metric.labels, registry=self.registry)
