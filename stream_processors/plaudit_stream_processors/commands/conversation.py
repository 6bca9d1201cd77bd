"""`plaudit conversation`: one conversation as it is now, or as it was."""

import asyncio
import sys
from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from plaudit_schemas.commands import OK, Command
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_stream_processors.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from plaudit_stream_processors.fold import ConversationState, RulesHistory


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Shows a conversation from the live state or, with --at, as the log had it at an offset of its "
        "partition or at a time. Exits with 1 if there is none."
    )
    parser.add_argument("id", help="the conversation's id, or application/id")
    parser.add_argument("--application", default="default", help="the application; default %(default)s")
    parser.add_argument(
        "--at",
        metavar="OFFSET|TIME",
        help="show it as of this offset (included) or this ISO 8601 time of arrival",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_arguments(parser, ConnectionSettings, WorkerSettings, main=("bootstrap_servers", "redis_url"))


def run(arguments: Namespace) -> int:
    from plaudit_stream_processors.fold import Rules  # noqa: PLC0415
    from plaudit_stream_processors.queries.as_of import parse_until, state_as_of  # noqa: PLC0415  # loads clients
    from plaudit_stream_processors.queries.display import json_text, plain_text  # noqa: PLC0415

    connection, settings = load(ConnectionSettings, arguments), load(WorkerSettings, arguments)
    application, slash, conversation_id = arguments.id.partition("/")
    if not slash:
        application, conversation_id = arguments.application, arguments.id
    if arguments.at is None:
        state = asyncio.run(_live(connection, application, conversation_id))
    else:
        until = parse_until(arguments.at)
        history = asyncio.run(_history(connection, application, conversation_id))
        rules = Rules(settings.state_retention_ms)
        state = state_as_of(connection, rules, history, application, conversation_id, until)
    print(json_text(state) if arguments.json else plain_text(state))
    return OK


async def _live(
    connection: ConnectionSettings, application: str, conversation_id: str
) -> "ConversationState":
    from plaudit_stream_processors.queries.live import LiveReader  # noqa: PLC0415  # loads Redis' client

    reader = LiveReader(connection)
    try:
        return await reader.state_of(application, conversation_id)
    finally:
        await reader.aclose()


async def _history(connection: ConnectionSettings, application: str, conversation_id: str) -> "RulesHistory":
    """The rules of the conversation's partition, or today's if Redis does not answer."""
    from plaudit_stream_processors.fold import RulesHistory  # noqa: PLC0415
    from plaudit_stream_processors.queries.live import LiveReader  # noqa: PLC0415  # loads Redis' client

    reader = LiveReader(connection)
    try:
        return await reader.rules_history(application, conversation_id)
    except ServiceUnavailableError as error:
        print(f"plaudit: {error}; the rules of today are used", file=sys.stderr)
        return RulesHistory()
    finally:
        await reader.aclose()


COMMAND = Command("conversation", "show a conversation as it is now, or as it was", configure, run)
