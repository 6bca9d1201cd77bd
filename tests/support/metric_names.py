"""The Prometheus metrics that exist, and those that an expression names."""

import re

from plaudit_consumers.sink.loop.metrics import SINK_METRICS
from plaudit_infra.console.run import CONSOLE_METRICS
from plaudit_producers.chat.page.health import CHAT_METRICS
from plaudit_producers.gateway.metrics import GATEWAY_METRICS
from plaudit_schemas.alerts import aspect_definitions, definitions
from plaudit_schemas.service.metrics import Metric
from plaudit_stream_processors.review_queue.metrics import REVIEW_QUEUE_METRICS
from plaudit_stream_processors.scoring.metrics import SCORER_METRICS
from plaudit_stream_processors.worker.prometheus_metrics import FIGURE_METRICS, WORKER_METRICS

_NAME = re.compile(r"(?<![\w:\"])([a-z]+:)?plaudit_[a-z0-9_]+(:[a-z0-9_]+)?(?![\w:\"-])")


def known_names() -> set[str]:
    """All of our metrics, and the series that the rules record."""
    names = {rule.record for rule in (*definitions().records, *aspect_definitions().records)}
    for name, kind, *_ in declared_metrics():
        names.add(name)
        if kind == "histogram":
            names |= {f"{name}_{part}" for part in ("bucket", "sum", "count")}
    return names


def named_in(expression: str) -> set[str]:
    """Our metrics in a PromQL expression. Text in quotes is not a metric."""
    return {found[0] for found in _NAME.finditer(re.sub(r'"[^"]*"', '""', expression))}


def declared_metrics() -> tuple[Metric, ...]:
    """All of our metrics, of every process."""
    gateway_and_chat = (*GATEWAY_METRICS, *CHAT_METRICS)
    followers = (*SCORER_METRICS, *REVIEW_QUEUE_METRICS)
    return (*WORKER_METRICS, *FIGURE_METRICS, *followers, *SINK_METRICS, *gateway_and_chat, *CONSOLE_METRICS)
