"""Every Prometheus metric of the worker: its name, kind and meaning, in one place.

Labels are bounded by the partitions, the reasons, or the cardinality limit.
"""

from plaudit_schemas.metric import Metric

SERIES = ("application", "model", "model_version", "variant", "source", "window")
FIGURE = (*SERIES, "rater_kind", "scale", "level")

WORKER: tuple[Metric, ...] = (
    Metric("plaudit_events_total", "counter", "Records folded and committed, dead letters included."),
    Metric("plaudit_duplicate_events_total", "counter", "Events that had been folded before."),
    Metric(
        "plaudit_ignored_events_total",
        "counter",
        "Ends without effect: overtaken by activity, or a second one.",
    ),
    Metric(
        "plaudit_incomplete_conversations_total", "counter", "Ends of conversations whose start never came."
    ),
    Metric(
        "plaudit_finished_conversations_total", "counter", "Revisions sent to the finished conversations."
    ),
    Metric("plaudit_dead_letters_total", "counter", "Records refused, by reason.", ("reason",)),
    Metric("plaudit_late_counts_total", "counter", "Counts past the retention of their bucket, not counted."),
    Metric("plaudit_commits_total", "counter", "Batches committed."),
    Metric("plaudit_fold_seconds_total", "counter", "Seconds spent decoding and folding."),
    Metric("plaudit_send_seconds_total", "counter", "Seconds of waiting for Kafka's acknowledgements."),
    Metric("plaudit_commit_seconds_total", "counter", "Seconds of waiting for Redis to commit."),
    Metric("plaudit_fetch_to_commit_seconds", "histogram", "From a batch's fetch to its commit."),
    Metric("plaudit_assigned_partitions", "gauge", "Partitions that this worker owns."),
    Metric("plaudit_lag_records", "gauge", "Records after the last committed one.", ("partition",)),
    Metric("plaudit_ready", "gauge", "1 when the worker is ready, as /health/ready tells."),
    Metric(
        "plaudit_snapshot_timestamp_seconds",
        "gauge",
        "When this worker last published snapshots; absent where another worker does.",
        ("topic",),
    ),
    Metric("plaudit_folded_labels", "gauge", "Label values that count as other, past the cardinality limit."),
)

FIGURES: tuple[Metric, ...] = (
    Metric("plaudit_satisfaction", "gauge", "Mean satisfaction from 1 to 5 in the window.", FIGURE),
    Metric("plaudit_satisfaction_standard_error", "gauge", "Its standard error.", FIGURE),
    Metric("plaudit_satisfaction_votes", "gauge", "Its votes.", FIGURE),
    Metric("plaudit_satisfied_ratio", "gauge", "Share of votes at 4 or above.", FIGURE),
    Metric("plaudit_accuracy_ratio", "gauge", "Judged-correct share of the judged messages.", FIGURE),
    Metric("plaudit_accuracy_votes", "gauge", "Its judged messages.", FIGURE),
    Metric("plaudit_precision_ratio", "gauge", "Likewise, of those known to be no abstentions.", FIGURE),
    Metric("plaudit_coverage_ratio", "gauge", "Share of assistant messages with any feedback.", SERIES),
    Metric("plaudit_ignore_ratio", "gauge", "Share of assistant messages signalled ignored.", SERIES),
    Metric("plaudit_regeneration_ratio", "gauge", "Share of assistant messages regenerated.", SERIES),
    Metric("plaudit_messages", "gauge", "Assistant messages in the window.", SERIES),
    Metric("plaudit_conversations", "gauge", "Conversations started in the window.", SERIES),
    Metric("plaudit_response_latency_p50_seconds", "gauge", "Median response latency.", SERIES),
    Metric("plaudit_response_latency_p95_seconds", "gauge", "95th percentile of it.", SERIES),
    Metric("plaudit_response_latency_p99_seconds", "gauge", "99th percentile of it.", SERIES),
)
