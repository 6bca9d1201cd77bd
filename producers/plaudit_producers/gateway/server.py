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
    """Serve until SIGTERM or SIGINT, answer the requests under way, and return the exit code.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        PlauditError: any error of `startup.run_services`.
    """
    configure_logging(log_level)
    # Access log records are finished lines of JSON: they must not get the root logger's prefix.
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s"))
    access_log.propagate = False
    access_log.handlers = [lines]
    address = Address(
        settings.gateway_host, settings.gateway_port, "PLAUDIT_GATEWAY_PORT", settings.gateway_trusted_proxies
    )
    server = WebServer(address, "gateway")
    app = create_app(settings, connection)
    # Models and routes live as long as the process, so the garbage collector need not scan them again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    started = server.run(app)
    # uvicorn turns an error of the lifespan into a failed start: raise the error that says why.
    if app.state.failure is not None:
        raise app.state.failure
    log.info("stopped")
    return 0 if started else 1
