"""Run a gateway in this process until it is told to stop."""

import gc
import logging

from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.service.web_server import Address, WebServer
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.gateway.http.access_log import log as access_log
from plaudit_producers.gateway.http.app import create_app
from plaudit_producers.gateway.settings import GatewaySettings

log = logging.getLogger("plaudit.gateway")


def run_gateway(settings: GatewaySettings, connection: ConnectionSettings, *, log_level: str) -> int:
    """Serve until SIGTERM or SIGINT; requests under way are answered first. The exit code.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        PlauditError: what `startup.run_services` raises.
    """
    configure_logging(log_level)
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s"))
    access_log.propagate = False
    access_log.handlers = [lines]
    address = Address(
        settings.gateway_host, settings.gateway_port, "PLAUDIT_GATEWAY_PORT", settings.gateway_trusted_proxies
    )
    server = WebServer(address, "gateway")
    app = create_app(settings, connection)
    # Models and routes live as long as the process: the garbage collector need not look at them again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    started = server.run(app)
    if app.state.failure is not None:
        raise app.state.failure
    log.info("stopped")
    return 0 if started else 1
