"""Run the process that keeps the review queues until it is told to stop, or fails."""

import uvloop
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.retention import RetentionSettings

from plaudit_stream_processors.review_queue.app import create_keeper
from plaudit_stream_processors.review_queue.settings import ReviewQueueSettings
from plaudit_stream_processors.running.events_log import events_log
from plaudit_stream_processors.running.follower_run import WebAddress, run_follower


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
        PlauditError: Kafka or Redis does not fit, or does not answer.
    """
    configure_logging(log_level)
    keeper = create_keeper(connection, settings, review, retention, events_log(connection))
    address = WebAddress(
        settings.review_queue_web_host, settings.review_queue_web_port, "PLAUDIT_REVIEW_QUEUE_WEB_PORT"
    )
    return uvloop.run(
        run_follower(keeper, connection, settings.review_queue_stall_s, address if web else None)
    )
