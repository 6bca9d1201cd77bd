"""`plaudit console`: the team's web application."""

from argparse import ArgumentParser, Namespace
from typing import Final

from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.commands import Command
from plaudit_schemas.service.logs import add_log_level
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.http import HttpSettings

from plaudit_infra.console.pages import console_pages
from plaudit_infra.console.settings import ConsoleSettings

_KEYS_TIMEOUT_S: Final = 3.0


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Serves the team's pages: the dashboard, the rows of snapshots, and pages of other installed "
        "packages. You sign in with an API key of the gateway. A session ends after some hours, when its key "
        "is revoked, or when the console stops. SIGTERM stops the console."
    )
    add_log_level(parser)
    parser.add_argument(
        "--link",
        nargs="?",
        const="",
        metavar="KEY_ID",
        help="print a link that signs you in once, on this machine: to the figures, or as an API key",
    )
    pages = [kind for page in console_pages() for kind in page.settings]
    add_arguments(
        parser,
        ConnectionSettings,
        ConsoleSettings,
        GatewaySettings,
        HttpSettings,
        *pages,
        main=("console_port", "console_host", "gateway_keys"),
    )


def run(arguments: Namespace) -> int:
    from plaudit_producers.gateway.access.key_stores import key_store_of  # noqa: PLC0415  # loads Redis' client

    from plaudit_infra.console.run import run_console  # noqa: PLC0415  # loads the web server

    connection = load(ConnectionSettings, arguments)
    store = key_store_of(load(GatewaySettings, arguments), connection, timeout_s=_KEYS_TIMEOUT_S)
    settings = load(ConsoleSettings, arguments)
    return run_console(settings, connection, store, arguments, arguments.link)


COMMAND = Command("console", "serve the team's pages: dashboard and more", configure, run)
