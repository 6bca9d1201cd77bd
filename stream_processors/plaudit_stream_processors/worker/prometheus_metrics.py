"""Every Prometheus metric of the worker: counts of its own work, and the figures of its snapshots.

Labels are bounded by the number of partitions, the reasons of a refusal, or the label limit.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import Final

from plaudit_schemas.contract.names import (
    AGREEMENT_ACCURACY,
    AGREEMENT_AUC,
    AGREEMENT_BRIER,
    AGREEMENT_CALIBRATION,
    AGREEMENT_MCC,
    ASPECT_FIGURE,
    agreement_parts,
)
from plaudit_schemas.contract.reasons import REASONS
from plaudit_schemas.kafka.resent_letters import RESENDABLE
from plaudit_schemas.service.metrics import Metric, MetricSet
from plaudit_schemas.topics.problems import TopicProblem

from plaudit_stream_processors.dead_letters.waiting import Waiting, WaitingLetters
from plaudit_stream_processors.metrics.figure import Figure
from plaudit_stream_processors.metrics.figures import SKEWED
from plaudit_stream_processors.metrics.series import labels_of
from plaudit_stream_processors.positions import SetAside
from plaudit_stream_processors.worker.batches import Prepared

_SERIES = ("application", "model", "model_version", "variant", "source", "window")
_LETTERS: Final = "plaudit_waiting_letters"
_FIGURE = (*_SERIES, "rater_kind", "scale", "level")
_ASPECT = (*_FIGURE, "aspect")
_AGREEMENT = (*_SERIES, "rater_kind", "aspect", "scorer")

WORKER_METRICS: Final[tuple[Metric, ...]] = (
    Metric("plaudit_events_total", "counter", "Records folded and committed, dead letters included."),
    Metric("plaudit_duplicate_events_total", "counter", "Events that were folded before."),
    Metric(
        "plaudit_ignored_events_total",
        "counter",
        "Ends without effect: overtaken by activity, or of an ended conversation.",
    ),
    Metric(
        "plaudit_incomplete_conversations_total", "counter", "Ends of conversations whose start never came."
    ),
    Metric(
        "plaudit_finished_conversations_total",
        "counter",
        "Revisions sent to the topic of finished conversations.",
    ),
    Metric("plaudit_amendments_total", "counter", "Words sent on at once, past their conversation's end."),
    Metric("plaudit_dropped_scores_total", "counter", "Model feedback on erased conversations, dropped."),
    Metric(
        "plaudit_skewed_events_total", "counter", "Events whose producer's clock is more than a minute off."
    ),
    Metric(
        "plaudit_dead_letters_total",
        "counter",
        "Records refused, by reason.",
        ("reason",),
        values=(REASONS,),
    ),
    Metric(
        "plaudit_waiting_letters", "gauge", "Dead letters that can be sent again and were not.", ("reason",)
    ),
    Metric(
        "plaudit_waiting_letters_first_timestamp_seconds",
        "gauge",
        "When the oldest of their records arrived; 0 without any.",
        ("reason",),
    ),
    Metric(
        "plaudit_waiting_letters_last_timestamp_seconds",
        "gauge",
        "When the newest of their records arrived; 0 without any.",
        ("reason",),
    ),
    Metric(
        "plaudit_waiting_letters_deadline_timestamp_seconds",
        "gauge",
        "Until when retention keeps the oldest of them; 0 without any, +Inf if it keeps them for good.",
        ("reason",),
    ),
    Metric("plaudit_late_counts_total", "counter", "Counts left out, past the retention of their bucket."),
    Metric("plaudit_commits_total", "counter", "Batches committed."),
    Metric("plaudit_fold_seconds_total", "counter", "Seconds spent decoding and folding."),
    Metric("plaudit_send_seconds_total", "counter", "Seconds spent waiting for Kafka's acknowledgements."),
    Metric("plaudit_commit_seconds_total", "counter", "Seconds spent waiting for Redis to commit."),
    Metric("plaudit_fetch_to_commit_seconds", "histogram", "Seconds from a batch's fetch to its commit."),
    Metric("plaudit_assigned_partitions", "gauge", "Partitions that this worker owns."),
    Metric("plaudit_compiled", "gauge", "1 where the fold runs as machine code, 0 as plain Python."),
    Metric("plaudit_lag_records", "gauge", "Records after the last committed one.", ("partition",)),
    Metric("plaudit_ready", "gauge", "1 when the worker is ready, as in /health/ready."),
    Metric(
        "plaudit_snapshot_timestamp_seconds",
        "gauge",
        "When this worker last published snapshots; absent if another worker does.",
        ("topic",),
    ),
    Metric("plaudit_redis_evicting", "gauge", "1 while a node of Redis may evict keys."),
    Metric(
        "plaudit_redis_evicted_keys", "gauge", "Keys that the nodes of Redis have evicted since they started."
    ),
    Metric(
        "plaudit_topic_problem",
        "gauge",
        "1 for each setting of a topic that loses data (loss), or gives wrong results (wrong).",
        ("topic", "setting", "effect"),
    ),
    Metric(
        "plaudit_unread_records",
        "gauge",
        "Records that a log lost before they were read, by the range of offsets without its end.",
        ("partition", "first", "end"),
    ),
    Metric(
        "plaudit_label_places_used_ratio",
        "gauge",
        "Share of the places for values that count apart, of the application that has taken most.",
        ("kind",),
    ),
    Metric(
        "plaudit_moved_schemas",
        "gauge",
        "Schema ids that mean another schema than before, so that nothing is read by them.",
    ),
    Metric("plaudit_folded_labels", "gauge", "Label values that count as other, past the cardinality limit."),
)

FIGURE_METRICS: Final[tuple[Metric, ...]] = (
    Metric("plaudit_satisfaction", "gauge", "Mean satisfaction from 1 to 5 in the window.", _FIGURE),
    Metric(
        "plaudit_satisfaction_standard_error", "gauge", "Standard error of the mean satisfaction.", _FIGURE
    ),
    Metric("plaudit_satisfaction_votes", "gauge", "Votes behind the mean satisfaction.", _FIGURE),
    Metric("plaudit_satisfied_ratio", "gauge", "Share of satisfaction votes at 4 or above.", _FIGURE),
    Metric("plaudit_accuracy_ratio", "gauge", "Share of judged messages that are correct.", _FIGURE),
    Metric("plaudit_accuracy_votes", "gauge", "Judged messages behind the accuracy.", _FIGURE),
    Metric("plaudit_precision_ratio", "gauge", "Accuracy of messages known not to abstain.", _FIGURE),
    Metric(
        "plaudit_aspect_ratio",
        "gauge",
        "Mean position on the scale of an aspect, 0 to 1; of thumbs, the share of likes.",
        _ASPECT,
    ),
    Metric("plaudit_aspect_standard_error", "gauge", "Standard error of that mean.", _ASPECT),
    Metric("plaudit_aspect_votes", "gauge", "Votes on an aspect.", _ASPECT),
    Metric(
        "plaudit_aspect_label_ratio",
        "gauge",
        "Share of the votes with labels on an aspect that gave this label.",
        (*_ASPECT, "label"),
    ),
    Metric(
        "plaudit_agreement_messages", "gauge", "Messages that a scorer scored and people judged.", _AGREEMENT
    ),
    Metric(
        "plaudit_agreement_accuracy_ratio",
        "gauge",
        "Share of those messages whose score is on the side of the people.",
        _AGREEMENT,
    ),
    Metric("plaudit_agreement_accuracy_standard_error", "gauge", "Standard error of that share.", _AGREEMENT),
    Metric(
        "plaudit_agreement_auc_ratio",
        "gauge",
        "How often a message that people are for has a higher score than one that they are against.",
        _AGREEMENT,
    ),
    Metric(
        "plaudit_agreement_brier_score", "gauge", "Mean squared difference of scores from people.", _AGREEMENT
    ),
    Metric(
        "plaudit_agreement_calibration_error",
        "gauge",
        "Mean distance of scores from the share of messages that people are for.",
        _AGREEMENT,
    ),
    Metric(
        "plaudit_agreement_calibration_error_low",
        "gauge",
        "What is left of that distance after what chance makes of perfect scores.",
        _AGREEMENT,
    ),
    Metric(
        "plaudit_agreement_mcc", "gauge", "Matthews' correlation of scores with people, -1 to 1.", _AGREEMENT
    ),
    Metric(
        "plaudit_coverage_ratio",
        "gauge",
        "Share of assistant messages with feedback, signals left out.",
        _SERIES,
    ),
    Metric("plaudit_ignore_ratio", "gauge", "Share of assistant messages that were ignored.", _SERIES),
    Metric("plaudit_regeneration_ratio", "gauge", "Share of assistant messages regenerated.", _SERIES),
    Metric("plaudit_messages", "gauge", "Assistant messages in the window.", _SERIES),
    Metric(
        "plaudit_window_skewed_events",
        "gauge",
        "Events in the window whose producer's clock is more than a minute off.",
        _SERIES,
    ),
    Metric("plaudit_conversations", "gauge", "Conversations started in the window.", _SERIES),
    Metric("plaudit_response_latency_p50_seconds", "gauge", "Median response latency.", _SERIES),
    Metric(
        "plaudit_response_latency_p95_seconds", "gauge", "95th percentile of the response latency.", _SERIES
    ),
    Metric(
        "plaudit_response_latency_p99_seconds", "gauge", "99th percentile of the response latency.", _SERIES
    ),
)

_GAUGE_OF_FIGURE: Final = {
    "coverage": "plaudit_coverage_ratio",
    "ignore_rate": "plaudit_ignore_ratio",
    "regeneration_rate": "plaudit_regeneration_ratio",
    "messages_assistant": "plaudit_messages",
    "conversations_started": "plaudit_conversations",
    "satisfied": "plaudit_satisfied_ratio",
    "precision": "plaudit_precision_ratio",
    SKEWED: "plaudit_window_skewed_events",
}
"""The figures that a single gauge shows unchanged."""

_GAUGE_OF_AGREEMENT: Final = {
    AGREEMENT_ACCURACY: "plaudit_agreement_accuracy_ratio",
    AGREEMENT_AUC: "plaudit_agreement_auc_ratio",
    AGREEMENT_BRIER: "plaudit_agreement_brier_score",
    AGREEMENT_CALIBRATION: "plaudit_agreement_calibration_error",
    AGREEMENT_MCC: "plaudit_agreement_mcc",
}


class WorkerMetrics(MetricSet):
    """The worker's metrics. They count what was committed, never what was only tried."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__((*WORKER_METRICS, *FIGURE_METRICS))
        self._clock = clock

    def count_batch(self, prepared: Prepared, fetched_at: float, send_s: float, commit_s: float) -> None:
        """Count a batch that was written.

        Args:
            fetched_at: when the batch was fetched, in seconds of the clock.
            send_s: seconds that Kafka took; likewise `commit_s` of Redis.
        """
        effects = prepared.effects
        for name, amount in (
            ("plaudit_events_total", prepared.events),
            ("plaudit_duplicate_events_total", effects.duplicates),
            ("plaudit_ignored_events_total", effects.ignored),
            ("plaudit_incomplete_conversations_total", effects.incomplete),
            ("plaudit_finished_conversations_total", len(prepared.finished) - effects.amendments),
            ("plaudit_amendments_total", effects.amendments),
            ("plaudit_dropped_scores_total", effects.dropped_scores),
            ("plaudit_skewed_events_total", effects.skewed),
            ("plaudit_late_counts_total", effects.counters.late),
            ("plaudit_commits_total", 1),
            ("plaudit_send_seconds_total", send_s),
            ("plaudit_commit_seconds_total", commit_s),
        ):
            if amount:
                self.counter(name).inc(amount)
        for letter in prepared.dead_letters:
            self.counter("plaudit_dead_letters_total", letter.refusal.reason).inc()
        seconds = max(0.0, self._clock() - fetched_at)
        self.histogram("plaudit_fetch_to_commit_seconds").observe(seconds)

    def show_lag(self, lag: Mapping[int, int]) -> None:
        """Show the waiting records of each partition that this worker owns."""
        # A partition that went to another worker must not go on showing its last lag here.
        self.clear("plaudit_lag_records")
        for partition, records in lag.items():
            self.gauge("plaudit_lag_records", str(partition)).set(records)

    def show_problems(self, problems: Iterable[TopicProblem]) -> None:
        """Show what is wrong with the topics."""
        self.clear("plaudit_topic_problem")
        for problem in problems:
            self.gauge("plaudit_topic_problem", *problem[:3]).set(1)

    def show_aside(self, aside: Mapping[int, SetAside]) -> None:
        """Show the ranges that the logs of partitions have lost."""
        self.clear("plaudit_unread_records")
        for partition, (why, first, end) in aside.items():
            if why != "refused":
                labels = (str(partition), *map(str, sorted((first, end))))
                self.gauge("plaudit_unread_records", *labels).set(abs(end - first))

    def show_letters(self, waiting: Waiting | None, keeps_ms: int) -> None:
        """Show the dead letters that wait to be sent again; None if another worker counts them.

        Args:
            keeps_ms: how long the topic keeps a letter; 0 is forever.
        """
        names = [metric.name for metric in WORKER_METRICS if metric.name.startswith(_LETTERS)]
        for name in names:
            self.clear(name)
        if waiting is None:
            return
        for reason in RESENDABLE:
            values = _letter_values(waiting.get(reason), keeps_ms)
            for name, value in zip(names, values, strict=True):
                self.gauge(name, reason).set(value)

    def show_figures(self, window: str, series: str, figures: Iterable[Figure]) -> None:
        """Set the gauges of one series and window."""
        labels = (*labels_of(series), window)
        for figure in figures:
            if figure.name.startswith(ASPECT_FIGURE):
                self._show_aspect(labels, figure)
                continue
            agreement = agreement_parts(figure.name)
            if agreement is not None:
                self._show_agreement((*labels, figure.rater_kind, agreement[1], figure.scale), figure)
                continue
            dimensions = (figure.rater_kind, figure.scale, figure.level) if figure.rater_kind else ()
            for name, value in _gauges(figure):
                if value is not None:
                    self.gauge(name, *labels, *dimensions).set(value)

    def _show_aspect(self, labels: tuple[str, ...], figure: Figure) -> None:
        scale, _, label = figure.scale.partition(":")
        estimate = figure.estimate
        which = (*labels, figure.rater_kind, scale, figure.level, figure.name.removeprefix(ASPECT_FIGURE))
        self.gauge("plaudit_aspect_votes", *which).set(estimate.count)
        if estimate.value is None:
            return
        if scale == "label":
            self.gauge("plaudit_aspect_label_ratio", *which, label).set(estimate.value)
            return
        self.gauge("plaudit_aspect_ratio", *which).set(estimate.value)
        if estimate.standard_error is not None:
            self.gauge("plaudit_aspect_standard_error", *which).set(estimate.standard_error)

    def _show_agreement(self, which: tuple[str, ...], figure: Figure) -> None:
        for name, value in _agreement_gauges(figure):
            if value is not None:
                self.gauge(name, *which).set(value)

    def clear_figures(self) -> None:
        """Drop the figures of the last snapshot, as another worker may publish them now."""
        for metric in FIGURE_METRICS:
            self.clear(metric.name)


def _letter_values(letters: WaitingLetters | None, keeps_ms: int) -> tuple[float, float, float, float]:
    """The values of the gauges of waiting letters, in their order."""
    if letters is None:
        return 0, 0, 0, 0
    deadline_ms = letters.written_ms + keeps_ms if keeps_ms else inf
    return letters.letters, letters.first_ms / 1000, letters.last_ms / 1000, deadline_ms / 1000


def _agreement_gauges(figure: Figure) -> list[tuple[str, float | None]]:
    """The gauges that show a figure of a scorer, with their values."""
    estimate, name = figure.estimate, figure.name.partition(":")[0]
    gauges: list[tuple[str, float | None]] = [(_GAUGE_OF_AGREEMENT[name], estimate.value)]
    if name == AGREEMENT_ACCURACY:
        gauges.append(("plaudit_agreement_messages", estimate.count))
        gauges.append(("plaudit_agreement_accuracy_standard_error", estimate.standard_error))
    elif name == AGREEMENT_CALIBRATION:
        gauges.append(("plaudit_agreement_calibration_error_low", estimate.low))
    return gauges


def _gauges(figure: Figure) -> list[tuple[str, float | None]]:
    """The gauges that show a figure, with their values; none for a figure that only snapshots carry."""
    estimate = figure.estimate
    if figure.name == "satisfaction":
        return [
            ("plaudit_satisfaction", estimate.value),
            ("plaudit_satisfaction_standard_error", estimate.standard_error),
            ("plaudit_satisfaction_votes", estimate.count),
        ]
    if figure.name == "accuracy":
        return [("plaudit_accuracy_ratio", estimate.value), ("plaudit_accuracy_votes", estimate.count)]
    if figure.name.startswith("response_latency_ms_p"):
        seconds = None if estimate.value is None else estimate.value / 1000
        return [(f"plaudit_response_latency_{figure.name.rpartition('_')[2]}_seconds", seconds)]
    gauge = _GAUGE_OF_FIGURE.get(figure.name)
    return [] if gauge is None else [(gauge, estimate.value)]
