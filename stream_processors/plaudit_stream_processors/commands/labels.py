"""`plaudit labels`: which values count apart in the figures, and how to give their places back."""

from argparse import ArgumentParser, Namespace
from typing import Any

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.commands.on_redis import run_on_redis
from plaudit_stream_processors.worker.settings import WorkerSettings


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser(
        "list",
        help="show which values of each application count apart",
        description="Shows which applications, models, variants, aspects, labels and scorers have series of "
        "their own, and how many places are taken. A place is given back when its value is unseen for a day.",
    )
    clear = actions.add_parser(
        "clear",
        help="give places back, so that other values may have them",
        description="Gives places back, within a minute. What holds one now counts apart until the end of "
        "the day (UTC) all the same, but keeps no place from others. Workers may be running.",
    )
    whose = clear.add_mutually_exclusive_group(required=True)
    whose.add_argument(
        "--application", metavar="NAME", help="whose places; `other` is all that count as other"
    )
    whose.add_argument(
        "--all", action="store_true", help="of every application, and of applications themselves"
    )
    clear.add_argument("--kind", metavar="KIND", help="only of model, variant, aspect, label or scorer")
    for each in (listed, clear):
        add_arguments(each, ConnectionSettings, WorkerSettings, main=("redis_url", "redis_prefix"))


def run(arguments: Namespace) -> int:
    from plaudit_stream_processors import label_upkeep  # noqa: PLC0415  # loads Redis' client

    connection, settings = load(ConnectionSettings, arguments), load(WorkerSettings, arguments)

    async def work(client: Any) -> int:
        if arguments.action == "list":
            lines = await label_upkeep.describe_places(
                client, connection.redis_prefix, settings.metric_values
            )
        else:
            lines = await label_upkeep.clear_places(client, connection, arguments.application, arguments.kind)
        print("\n".join(lines))
        return OK

    return run_on_redis(connection, work)


COMMAND = Command("labels", "show or free the places of values that count apart", configure, run)
