"""Every Prometheus metric of the review queues. Labels are bounded by partitions and published rubrics."""

from collections.abc import Mapping
from typing import Final

from plaudit_schemas.review.changes import QueueChanges
from plaudit_schemas.review.claims import QueueProgress
from plaudit_schemas.review.targets import QueueName
from plaudit_schemas.service.metrics import Metric

from plaudit_stream_processors.running.follower_metrics import FollowerMetrics, follower_metrics

_QUEUE: Final = ("application", "rubric", "version")

_OWN: Final[tuple[Metric, ...]] = (
    Metric(
        "plaudit_review_queue_words_total",
        "counter",
        "Words of reviewers read from the log: verdict, adjudication, decline. Again after a rebuild.",
        ("kind",),
        values=(("verdict", "adjudication", "decline"),),
    ),
    Metric(
        "plaudit_review_queue_unmatched_words_total",
        "counter",
        "Words of reviewers on items that their conversations do not have.",
    ),
    Metric(
        "plaudit_review_queue_begun_again_total",
        "counter",
        "Times that reading began again at the queues' positions: for a new rubric, or an emptied Redis.",
    ),
    Metric("plaudit_review_queue_items", "gauge", "Items of a queue, controls left out.", _QUEUE),
    Metric(
        "plaudit_review_queue_done_items", "gauge", "Items with as many verdicts as the rubric asks.", _QUEUE
    ),
    Metric("plaudit_review_queue_verdicts", "gauge", "Verdicts that fill a slot of an item.", _QUEUE),
    Metric("plaudit_review_queue_leased_slots", "gauge", "Slots kept for a reviewer now.", _QUEUE),
    Metric(
        "plaudit_review_queue_unusable_rubrics",
        "gauge",
        "Publications of rubrics that cannot be read, or that have another salt than this process.",
    ),
)
_PREFIX: Final = "plaudit_review_queue"
REVIEW_QUEUE_METRICS: Final = (*_OWN, *follower_metrics(_PREFIX, "process"))


class ReviewQueueMetrics(FollowerMetrics):
    """The metrics of the review queues."""

    def __init__(self) -> None:
        super().__init__(_PREFIX, "process", _OWN)

    def count_changes(self, changes: QueueChanges, unmatched: int) -> None:
        """Count what a queue has taken."""
        for kind, words in (
            ("verdict", changes.verdicts),
            ("adjudication", changes.adjudications),
            ("decline", changes.declines),
        ):
            if words:
                self.counter("plaudit_review_queue_words_total", kind).inc(len(words))
        if unmatched:
            self.counter("plaudit_review_queue_unmatched_words_total").inc(unmatched)

    def show_progress(self, progress: Mapping[QueueName, QueueProgress]) -> None:
        """Show how far the active queues are."""
        for name in ("items", "done_items", "verdicts", "leased_slots"):
            self.clear(f"{_PREFIX}_{name}")
        for queue, found in progress.items():
            self.gauge(f"{_PREFIX}_items", *queue).set(found.items)
            self.gauge(f"{_PREFIX}_done_items", *queue).set(found.done)
            self.gauge(f"{_PREFIX}_verdicts", *queue).set(found.verdicts)
            self.gauge(f"{_PREFIX}_leased_slots", *queue).set(found.leased)
