"""`plaudit conversation`: one conversation as it stands, or as it stood."""

import asyncio
from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.settings import add_arguments, load

from plaudit_stream_processors.worker.settings import WorkerSettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Shows a conversation from the live state, or, with --at, as the log made it up to an offset of its "
        "partition or a time. Exits with 1 where there is none."
    )
    parser.add_argument("id", help="the conversation's id, or application/id")
    parser.add_argument("--application", default="default", help="the application; default %(default)s")
    parser.add_argument(
        "--at", metavar="OFFSET|TIME", help="up to this offset (included), or this ISO 8601 time of arrival"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_arguments(parser, ConnectionSettings, WorkerSettings)


def run(arguments: Namespace) -> int:
    from plaudit_stream_processors.reading import live, moment_of, rebuilt, shown  # noqa: PLC0415  # loads clients

    connection, settings = load(ConnectionSettings, arguments), load(WorkerSettings, arguments)
    application, slash, conversation_id = arguments.id.partition("/")
    if not slash:
        application, conversation_id = arguments.application, arguments.id
    if arguments.at is None:
        state = asyncio.run(live(connection, application, conversation_id))
    else:
        state = rebuilt(connection, settings, (application, conversation_id), moment_of(arguments.at))
    print(shown(state, as_json=arguments.json))
    return OK


COMMAND = Command("conversation", "show a conversation as it stands, or as it stood", configure, run)
