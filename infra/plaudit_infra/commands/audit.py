"""`plaudit audit`: check that every event of the log ended where it should, down to the last row."""

import json
from argparse import ArgumentParser, Namespace

from plaudit_consumers.sink.settings import SinkSettings
from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.review.settings import ReviewSettings
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_stream_processors.worker.settings import WorkerSettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Folds the log again and compares the result with the live state, counters, dead letters, finished "
        "conversations, every row of the output, and the review queues. Prints every difference, and exits "
        "with 1 if there is one. Work that a worker or a sink has not done yet is listed as pending. With "
        "--wait, work that is still pending after that time is a failure, too."
    )
    parser.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="wait up to this long for workers and sinks to catch up",
    )
    parser.add_argument(
        "--rows-since",
        metavar="TIME",
        help="files of records that Kafka took before this time (ISO 8601) may have been deleted",
    )
    parser.add_argument("--without-rows", action="store_true", help="do not check the Parquet files")
    parser.add_argument(
        "--without-reviews",
        action="store_true",
        help="do not check the review queues; where `plaudit review-queue` does not run, they stay behind",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_arguments(
        parser,
        ConnectionSettings,
        WorkerSettings,
        SinkSettings,
        ReviewSettings,
        main=("bootstrap_servers", "redis_url", "output"),
    )


def run(arguments: Namespace) -> int:
    from plaudit_consumers.datasets.plan import moment_of  # noqa: PLC0415

    from plaudit_infra.audit.report import text  # noqa: PLC0415  # loads Arrow when used
    from plaudit_infra.audit.run import audit  # noqa: PLC0415

    sink = load(SinkSettings, arguments)
    root = None if arguments.without_rows else sink.output or None
    since = arguments.rows_since
    report = audit(
        load(ConnectionSettings, arguments),
        load(WorkerSettings, arguments),
        root,
        review=None if arguments.without_reviews else load(ReviewSettings, arguments),
        wait_s=arguments.wait,
        rows_since_ms=0 if since is None else int(moment_of(since, "--rows-since").timestamp() * 1000),
    )
    print(json.dumps(report.document(), indent=2) if arguments.json else text(report))
    return OK if report.balanced and not (arguments.wait and report.pending) else FAILED


COMMAND = Command(
    "audit", "compare state, counters, dead letters and rows with a new fold of the log", configure, run
)
