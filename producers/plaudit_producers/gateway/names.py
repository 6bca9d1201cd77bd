"""Every Prometheus metric of the gateway: its name, kind and meaning, in one place.

Labels are bounded by the routes, the statuses and the reasons.
"""

from plaudit_schemas.metric import Metric

GATEWAY: tuple[Metric, ...] = (
    Metric("plaudit_gateway_requests_total", "counter", "Answers by route and status.", ("route", "status")),
    Metric(
        "plaudit_gateway_request_seconds", "histogram", "From a request's head to its answer.", ("route",)
    ),
    Metric("plaudit_gateway_events_accepted_total", "counter", "Events that Kafka acknowledged.", ("from",)),
    Metric(
        "plaudit_gateway_events_refused_total",
        "counter",
        "Events refused: invalid, forbidden, or unavailable (to be sent again).",
        ("reason",),
    ),
    Metric("plaudit_gateway_events_waiting", "gauge", "Events sent and not yet acknowledged."),
    Metric("plaudit_gateway_request_bytes", "gauge", "Bytes of the requests being answered now."),
    Metric("plaudit_gateway_limited_total", "counter", "Requests over a rate limit, by bucket.", ("bucket",)),
    Metric(
        "plaudit_gateway_limits_skipped_total",
        "counter",
        "Rate limit checks not made because Redis did not answer.",
    ),
    Metric("plaudit_gateway_tokens_issued_total", "counter", "Browser tokens made."),
    Metric("plaudit_gateway_ready", "gauge", "1 when the gateway is ready, as /health/ready tells."),
)
