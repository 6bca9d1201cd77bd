"""`plaudit worker`: run one worker."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command
from plaudit_schemas.service.logs import add_log_level
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.worker.settings import WorkerSettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Folds conversation events into live state, metrics and finished conversations. Several "
        "workers share the partitions. A worker stops at SIGTERM. It exits with 1 on a failure, for "
        "example when Redis has lost data. Started again, it goes on from the position in Redis."
    )
    parser.add_argument("--without-web", action="store_true", help="serve neither health nor metrics")
    add_log_level(parser)
    add_arguments(
        parser, ConnectionSettings, WorkerSettings, main=("bootstrap_servers", "redis_url", "web_port")
    )


def run(arguments: Namespace) -> int:
    from plaudit_stream_processors.worker.run import run_worker  # noqa: PLC0415  # loads Faust when used

    connection, settings = load(ConnectionSettings, arguments), load(WorkerSettings, arguments)
    return run_worker(connection, settings, web=not arguments.without_web, log_level=arguments.log_level)


COMMAND = Command(
    "worker", "fold conversation events into state, metrics and finished conversations", configure, run
)
