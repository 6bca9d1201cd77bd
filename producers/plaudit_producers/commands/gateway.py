"""`plaudit gateway`: conversation events over HTTP."""

from argparse import ArgumentParser, Namespace

from plaudit_schemas.commands import Command
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.settings import add_arguments, load

from plaudit_producers.gateway.dashboard.settings import DashboardSettings
from plaudit_producers.gateway.settings import GatewaySettings


def configure(parser: ArgumentParser) -> None:
    parser.description = (
        "Takes events over HTTP and answers once Kafka has them; gives pages short-lived tokens; serves the "
        "browser client at /plaudit.js and the API's description at /docs. `plaudit keys create` makes keys."
    )
    parser.add_argument("--log-level", default="INFO", choices=["DEBUG", "INFO", "WARNING", "ERROR"])
    add_arguments(parser, ConnectionSettings, GatewaySettings, DashboardSettings)


def run(arguments: Namespace) -> int:
    from plaudit_producers.gateway.dashboard.routes import dashboard_router  # noqa: PLC0415
    from plaudit_producers.gateway.server import run_gateway  # noqa: PLC0415  # loads FastAPI when used

    connection, settings = load(ConnectionSettings, arguments), load(GatewaySettings, arguments)
    dashboard = dashboard_router(load(DashboardSettings, arguments), settings.gateway_host)
    routers = [] if dashboard is None else [dashboard]
    return run_gateway(settings, connection, log_level=arguments.log_level, routers=routers)


COMMAND = Command("gateway", "take conversation events over HTTP", configure, run)
