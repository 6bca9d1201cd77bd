"""`plaudit topics create`: the topics as the package defines them."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser(
        "create",
        help="create the topics that are missing, and report how live ones differ",
        description="Creates the topics that are missing. One that exists is never changed: "
        "where it differs from its definition, the difference is printed and the exit code is 1.",
    )
    add_arguments(create, ConnectionSettings, main=("bootstrap_servers", "topic_prefix", "partitions"))


def run(arguments: Namespace) -> int:
    from plaudit_schemas.topics.admin import ensure, summary  # noqa: PLC0415  # confluent_kafka loads when used

    reports = ensure(load(ConnectionSettings, arguments))
    print(summary(reports))
    return FAILED if any(report.differences for report in reports) else OK


COMMAND = Command("topics", "create the Kafka topics", configure, run)
