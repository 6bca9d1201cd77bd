"""The gateway's counters for Prometheus."""

from plaudit_schemas.metric import Metric
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from plaudit_producers.gateway.names import GATEWAY

_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Telemetry:
    """Counts what was answered.

    Attributes:
        registry: Prometheus' collector of everything here.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._metrics = {metric.name: self._made(metric) for metric in GATEWAY}
        # Looking a label up takes a lock and a tuple each time; these are asked for in every request.
        self._children: dict[tuple[str, ...], Counter | Histogram] = {}

    def counter(self, name: str, *labels: str) -> Counter:
        """A counter by its name and labels."""
        found = self._child(name, *labels)
        assert isinstance(found, Counter)  # noqa: S101  # names.py says so
        return found

    def histogram(self, name: str, *labels: str) -> Histogram:
        """A histogram by its name and labels."""
        found = self._child(name, *labels)
        assert isinstance(found, Histogram)  # noqa: S101  # names.py says so
        return found

    def gauge(self, name: str) -> Gauge:
        """A gauge by its name."""
        found = self._metrics[name]
        assert isinstance(found, Gauge)  # noqa: S101  # names.py says so
        return found

    def _child(self, name: str, *labels: str) -> Counter | Histogram:
        key = (name, *labels)
        child = self._children.get(key)
        if child is None:
            metric = self._metrics[name]
            found = metric.labels(*labels) if labels else metric
            assert isinstance(found, (Counter, Histogram))  # noqa: S101  # as above
            child = self._children[key] = found
        return child

    def _made(self, metric: Metric) -> MetricWrapperBase:
        if metric.kind == "histogram":
            return Histogram(
                metric.name, metric.meaning, metric.labels, registry=self.registry, buckets=_BUCKETS_S
            )
        kind: type[MetricWrapperBase] = Counter if metric.kind == "counter" else Gauge
        return kind(metric.name, metric.meaning, metric.labels, registry=self.registry)
