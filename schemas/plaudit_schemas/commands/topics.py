"""`plaudit topics create`: create the topics that the package defines."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser(
        "create",
        help="create missing topics and report how existing ones differ from their definitions",
        description="Creates missing topics. Existing topics are never changed: if one differs from its "
        "definition, the difference is printed and the exit code is 1.",
    )
    add_arguments(create, ConnectionSettings, main=("bootstrap_servers", "topic_prefix", "partitions"))


def run(arguments: Namespace) -> int:
    from plaudit_schemas.topics.admin import ensure, summary  # noqa: PLC0415  # `--help` need not load confluent_kafka

    reports = ensure(load(ConnectionSettings, arguments))
    print(summary(reports))
    return FAILED if any(report.differences for report in reports) else OK


COMMAND = Command("topics", "create the Kafka topics", configure, run)
