"""`plaudit topics`: create the topics that the package defines, or copy the events into new ones."""

import sys
from argparse import ArgumentParser, Namespace

from pydantic import ValidationError

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.retention import RetentionSettings


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser(
        "create",
        help="create missing topics and report how existing ones differ from their definitions",
        description="Creates missing topics, and returns when every broker knows them. Existing topics are "
        "never changed: if one differs from its definition, or has a setting that loses data, it says so and "
        "the exit code is 1.",
    )
    copy = actions.add_parser(
        "copy",
        help="copy the events into new topics with another number of partitions",
        description="Copies the events into topics with another prefix and another number of partitions "
        "(--partitions), each to the partition of its key, in the order of each key, with the time of its "
        "arrival. Publications of models and rubrics, and API keys, are copied too. Run it while the old "
        "topics are in use, then stop producers, gateways, workers and scorers, and run it again with "
        "--finish. A run that was cut off goes on where it was.",
    )
    copy.add_argument("--to-prefix", required=True, metavar="PREFIX", help="the prefix of the new topics")
    copy.add_argument(
        "--finish", action="store_true", help="copy the rest, and let workers use the new topics"
    )
    for each in (create, copy):
        add_arguments(
            each,
            ConnectionSettings,
            RetentionSettings,
            main=("bootstrap_servers", "topic_prefix", "partitions"),
        )


def run(arguments: Namespace) -> int:
    connection = load(ConnectionSettings, arguments)
    if arguments.action == "copy":
        return _copy(connection, load(RetentionSettings, arguments), arguments)
    from plaudit_schemas.topics.admin import ensure, summary  # noqa: PLC0415  # `--help` need not load confluent_kafka

    reports = ensure(connection, load(RetentionSettings, arguments))
    print(summary(reports))
    return OK if all(report.is_fine for report in reports) else FAILED


def _copy(connection: ConnectionSettings, rules: RetentionSettings, arguments: Namespace) -> int:
    from plaudit_schemas.kafka.api_key_log import API_KEY_LOG  # noqa: PLC0415  # as above
    from plaudit_schemas.kafka.copying import copy_events  # noqa: PLC0415  # as above
    from plaudit_schemas.kafka.publication_log import copy_publications  # noqa: PLC0415  # as above
    from plaudit_schemas.models.publication_log import MODEL_LOG  # noqa: PLC0415  # as above
    from plaudit_schemas.review.rubric_log import RUBRIC_LOG  # noqa: PLC0415  # as above

    to_prefix: str = arguments.to_prefix
    if to_prefix == connection.topic_prefix:
        raise SettingsError(f"--to-prefix {to_prefix!r} is the prefix of the old topics; choose another")
    try:
        target = ConnectionSettings.model_validate({**dict(connection), "topic_prefix": to_prefix})
    except ValidationError:
        raise SettingsError(
            f"--to-prefix {to_prefix!r} may hold letters, digits, dots, _ and - only"
        ) from None

    def show(records: int) -> None:
        print(f"{records:,} events copied", file=sys.stderr)

    result = copy_events(connection, target, rules, finish=arguments.finish, on_progress=show)
    models = copy_publications(connection, target, MODEL_LOG)
    rubrics = copy_publications(connection, target, RUBRIC_LOG)
    keys = copy_publications(connection, target, API_KEY_LOG)
    print(f"{result.records} events copied to the topics with prefix {to_prefix!r}")
    for what, publications in (("models", models), ("rubrics", rubrics), ("API keys", keys)):
        if publications:
            print(f"publications of {what} copied: {publications}")
    if result.is_finished:
        print(
            f"the copy is finished: set PLAUDIT_TOPIC_PREFIX={to_prefix}, a new PLAUDIT_REDIS_PREFIX and "
            "PLAUDIT_OUTPUT, start the workers and then the producers, and run `plaudit audit`"
        )
    else:
        print("stop producers, gateways and workers, and run it again with --finish")
    return OK


COMMAND = Command("topics", "create the Kafka topics, or copy the events into new ones", configure, run)
