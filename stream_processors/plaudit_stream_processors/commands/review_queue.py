"""`plaudit review-queue`: keep the queues of people's review."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.service.logs import add_log_level
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.retention import RetentionSettings

from plaudit_stream_processors.review_queue.settings import ReviewQueueSettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Keeps the queues of all published rubrics in Redis, derived from the log. It follows the workers "
        "and reads what they have folded. Several of these share the partitions. It stops at SIGTERM, and "
        "exits with 1 on a failure; started again, it goes on where the queues are."
    )
    parser.add_argument("--without-web", action="store_true", help="serve neither health nor metrics")
    add_log_level(parser)
    main = ("review_queue_keep_hours", "review_queue_web_port")
    add_arguments(
        parser, ConnectionSettings, ReviewQueueSettings, ReviewSettings, RetentionSettings, main=main
    )


def run(arguments: Namespace) -> int:
    from plaudit_stream_processors.review_queue.run import run_review_queue  # noqa: PLC0415  # loads Faust

    return run_review_queue(
        load(ConnectionSettings, arguments),
        load(ReviewQueueSettings, arguments),
        load(ReviewSettings, arguments),
        load(RetentionSettings, arguments),
        web=not arguments.without_web,
        log_level=arguments.log_level,
    )


COMMAND = Command("review-queue", "keep the queues of people's review", configure, run)
