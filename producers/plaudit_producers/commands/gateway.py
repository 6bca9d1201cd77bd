"""`plaudit gateway`: conversation events over HTTP."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command
from plaudit_schemas.service.logs import add_log_level
from plaudit_schemas.settings import add_arguments, load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.http import HttpSettings

from plaudit_producers.gateway.settings import GatewaySettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Takes events over HTTP and answers once Kafka has them. Issues short-lived tokens for web pages. "
        "Serves the browser client at /plaudit.js and the API's documentation at /docs. "
        "`plaudit keys create` makes keys."
    )
    add_log_level(parser)
    add_arguments(
        parser,
        ConnectionSettings,
        GatewaySettings,
        HttpSettings,
        main=("bootstrap_servers", "gateway_port", "gateway_keys"),
    )


def run(arguments: Namespace) -> int:
    from plaudit_producers.gateway.server import run_gateway  # noqa: PLC0415  # loads Starlette when used

    connection, settings = load(ConnectionSettings, arguments), load(GatewaySettings, arguments)
    http = load(HttpSettings, arguments)
    return run_gateway(settings, connection, http, log_level=arguments.log_level)


COMMAND = Command("gateway", "take conversation events over HTTP", configure, run)
