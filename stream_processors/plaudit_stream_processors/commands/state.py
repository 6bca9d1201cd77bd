"""`plaudit state`: what the workers keep in Redis. Show it, give up what Kafka lost, or delete it."""

from argparse import ArgumentParser, Namespace
from typing import Any

from plaudit_schemas.commands import FAILED, OK, Command
from plaudit_schemas.contract.printable import printable
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.commands.on_redis import run_on_redis
from plaudit_stream_processors.worker.settings import WorkerSettings


def configure(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser(
        "show",
        help="show how far each partition is folded, and what Kafka deleted before",
        description="Shows the topics that the state was made from, how far each partition is folded, and "
        "ranges of events that Kafka deleted before they were folded. Exits with 1 if there are any.",
    )
    accept = actions.add_parser(
        "accept-loss",
        help="go on without events that Kafka deleted before they were folded",
        description="Gives up a range of events that Kafka deleted before they were folded, and lets the "
        "worker go on behind it. The range is recorded beside the position and in the dead letters, and "
        "`plaudit audit` shows it. Workers may be running.",
    )
    accept.add_argument("--partition", type=int, required=True, metavar="P", help="of the events topic")
    accept.add_argument(
        "--from", dest="first", type=int, required=True, metavar="A", help="the first lost offset"
    )
    accept.add_argument(
        "--to", dest="end", type=int, required=True, metavar="B", help="the first offset that is still there"
    )
    reset = actions.add_parser(
        "reset",
        help="delete the state, so that workers fold the whole log again",
        description="Deletes the positions, conversations and counters of the workers from Redis, and the "
        "review queues. API keys and rate limits stay. Workers then fold the log again from its start, and "
        "send what had finished again; the queues are filled again too. Refused while a worker runs.",
    )
    reset.add_argument(
        "--yes", action="store_true", help="delete; without it, only say what would be deleted"
    )
    for each in (show, accept, reset):
        add_arguments(each, ConnectionSettings, WorkerSettings, main=("bootstrap_servers", "redis_url"))


def run(arguments: Namespace) -> int:
    from plaudit_stream_processors import maintenance  # noqa: PLC0415  # loads Redis' client

    connection, settings = load(ConnectionSettings, arguments), load(WorkerSettings, arguments)

    async def work(client: Any) -> int:
        if arguments.action == "show":
            lines, lost = await maintenance.describe_state(client, connection)
            print("\n".join(map(printable, lines)))
            return FAILED if lost else OK
        if arguments.action == "accept-loss":
            told = await maintenance.give_up(
                client, connection, arguments.partition, arguments.first, arguments.end
            )
        else:
            group = connection.topic_prefix + settings.worker_group
            told = await maintenance.reset_state(client, connection, group, confirmed=arguments.yes)
        print(printable(told))
        return OK

    return run_on_redis(connection, work)


COMMAND = Command(
    "state", "show the workers' state, give up lost events, or delete the state", configure, run
)
