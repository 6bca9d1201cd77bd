"""Every Prometheus metric of the gateway, as data.

Label values come from small fixed sets (routes, statuses, reasons, buckets), so the number of series is
bounded.
"""

from typing import Final

from plaudit_schemas.service.http_limits import HTTP_METRICS
from plaudit_schemas.service.metrics import Metric

_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

GATEWAY_METRICS: Final[tuple[Metric, ...]] = (
    *HTTP_METRICS,
    Metric("plaudit_gateway_requests_total", "counter", "Answers by route and status.", ("route", "status")),
    Metric(
        "plaudit_gateway_request_seconds",
        "histogram",
        "Time from a request's headers to the end of its answer.",
        ("route",),
        _BUCKETS_S,
    ),
    Metric(
        "plaudit_gateway_events_accepted_total",
        "counter",
        "Events that Kafka acknowledged.",
        ("from",),
        values=(("server", "page"),),
    ),
    Metric(
        "plaudit_gateway_events_refused_total",
        "counter",
        "Events refused: invalid, forbidden, or unavailable (may be sent again).",
        ("reason",),
        values=(("invalid", "forbidden", "unavailable"),),
    ),
    Metric("plaudit_gateway_events_waiting", "gauge", "Events sent to Kafka and not yet acknowledged."),
    Metric("plaudit_gateway_request_bytes", "gauge", "Bytes of request bodies held in memory now."),
    Metric(
        "plaudit_gateway_limited_total",
        "counter",
        "Requests over a rate limit, by bucket.",
        ("bucket",),
        values=(("address", "application-bytes", "key", "key-bytes", "page", "page-bytes"),),
    ),
    Metric(
        "plaudit_gateway_limits_skipped_total",
        "counter",
        "Rate limit checks skipped because Redis did not answer.",
    ),
    Metric(
        "plaudit_gateway_telemetry_total",
        "counter",
        "Spans and log records: recorded, refused, or ignored (nothing to do with a model).",
        ("signal", "outcome"),
        values=(("traces", "logs"), ("recorded", "refused", "ignored")),
    ),
    Metric("plaudit_gateway_tokens_issued_total", "counter", "Browser tokens made."),
    Metric(
        "plaudit_gateway_callers_refused_total",
        "counter",
        "Requests answered 401 (no valid key or token) or 403 (the caller may not do this), by status.",
        ("status",),
        values=(("401", "403"),),
    ),
    Metric("plaudit_gateway_keys", "gauge", "API keys that are accepted."),
    Metric("plaudit_gateway_keys_lost", "gauge", "Accepted API keys that their store lost, unrevoked."),
    Metric(
        "plaudit_gateway_key_reads_failed_total",
        "counter",
        "Times that the API keys could not be read again; those known before stay in use.",
    ),
    Metric("plaudit_gateway_redis_evicting", "gauge", "1 while a node of Redis may evict keys."),
    Metric(
        "plaudit_gateway_topics_changed",
        "gauge",
        "1 when the events topic is not the one that the workers' state was made from.",
    ),
    Metric("plaudit_gateway_ready", "gauge", "1 when the gateway is ready, as /health/ready says."),
    Metric(
        "plaudit_gateway_taking_events",
        "gauge",
        "1 while Kafka takes events; a gateway that has begun stays ready without.",
    ),
)
