"""Run the process that keeps the review queues until it is told to stop, or fails."""

import uvloop
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.retention import RetentionSettings

from plaudit_stream_processors.review_queue.app import ReviewKeeper, create_keeper, log
from plaudit_stream_processors.review_queue.metrics import ReviewQueueMetrics
from plaudit_stream_processors.review_queue.settings import ReviewQueueSettings
from plaudit_stream_processors.running.events_log import EventsLog, events_log
from plaudit_stream_processors.running.follower_run import FollowerProcess, WebAddress, run_follower
from plaudit_stream_processors.running.readiness import Readiness


def run_review_queue(
    connection: ConnectionSettings,
    settings: ReviewQueueSettings,
    review: ReviewSettings,
    retention: RetentionSettings,
    *,
    web: bool,
    log_level: str,
) -> int:
    """Keep the review queues until SIGTERM or SIGINT (returns 0) or a failure (returns 1).

    Raises:
        PlauditError: Kafka or Redis does not fit. While they do not answer, it waits.
    """
    configure_logging(log_level)
    metrics, readiness = ReviewQueueMetrics(), Readiness()

    def make(began: EventsLog) -> ReviewKeeper:
        return create_keeper(
            connection, settings, review, retention, began, metrics=metrics, readiness=readiness
        )

    address = WebAddress(
        settings.review_queue_web_host, settings.review_queue_web_port, "PLAUDIT_REVIEW_QUEUE_WEB_PORT"
    )
    process = FollowerProcess(
        log=log,
        metrics=metrics,
        readiness=readiness,
        find=lambda: events_log(connection),
        make=make,
        stall_s=settings.review_queue_stall_s,
        web=address if web else None,
    )
    return uvloop.run(run_follower(process, connection))
