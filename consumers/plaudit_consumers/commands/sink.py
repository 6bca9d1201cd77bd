"""`plaudit sink`: write finished conversations to Parquet."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command
from plaudit_schemas.service.logs import add_log_level, configure_logging
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_consumers.sink.settings import SinkSettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Writes finished conversations to Parquet, each revision exactly once, and beside them what was said "
        "too late for a revision (docs/datasets.md). Training rows are made of them by `plaudit datasets "
        "build`. Several sinks share the partitions. On SIGTERM a sink writes what it holds and stops. After "
        "a crash it continues from the files in the output."
    )
    parser.add_argument("--once", action="store_true", help="stop at the end of the log")
    parser.add_argument("--without-web", action="store_true", help="do not serve health and metrics")
    add_log_level(parser)
    main = ("bootstrap_servers", "output", "rotate_minutes")
    add_arguments(parser, ConnectionSettings, SinkSettings, main=main)


def run(arguments: Namespace) -> int:
    from plaudit_consumers.sink.loop.run import run_sink  # noqa: PLC0415  # pyarrow loads when used

    configure_logging(arguments.log_level)
    connection, settings = load(ConnectionSettings, arguments), load(SinkSettings, arguments)
    return run_sink(connection, settings, web=not arguments.without_web, once=arguments.once)


COMMAND = Command("sink", "write finished conversations to Parquet, exactly once", configure, run)
