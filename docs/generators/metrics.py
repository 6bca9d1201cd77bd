"""The page of Prometheus metrics."""

from plaudit_schemas.service.metrics import Metric

from docs.generators.markdown import code, page, table
from docs.generators.modules import modules

_SUFFIX = "_METRICS"


def render() -> str:
    """Every metric of every process."""
    intro = (
        "Each process serves its own at `/metrics`; the worker that owns partition 0 serves the figures too. "
        "[Metrics](../metrics.md) says what each figure means, [Alerts](alerts.md) what watches them."
    )
    parts = [intro]
    for name, listed in _lists().items():
        parts += [f"## {name.removesuffix(_SUFFIX).capitalize()}", _table(listed)]
    return page("Metrics for Prometheus", *parts)


def _lists() -> dict[str, tuple[Metric, ...]]:
    """The tuples of metrics that the modules define, by their names."""
    found = {
        name: value
        for module in modules()
        for name, value in vars(module).items()
        if name.endswith(_SUFFIX) and all(isinstance(one, Metric) for one in value)
    }
    return dict(sorted(found.items()))


def _table(listed: tuple[Metric, ...]) -> str:
    rows = [
        [code(metric.name), metric.kind, ", ".join(map(code, metric.labels)), metric.meaning]
        for metric in listed
    ]
    return table(["metric", "kind", "labels", "meaning"], rows)
