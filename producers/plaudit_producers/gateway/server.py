"""Run a gateway in this process until it is told to stop."""

import gc
import logging
from typing import Final

from plaudit_schemas.service.health import health_once_started
from plaudit_schemas.service.http_limits import limits_of
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.web_server import Address, HealthPort, WebServer
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.http import HttpSettings

from plaudit_producers.gateway.http.access_log import log as access_log
from plaudit_producers.gateway.http.app import create_app
from plaudit_producers.gateway.metrics import GATEWAY_METRICS
from plaudit_producers.gateway.settings import GatewaySettings

log = logging.getLogger("plaudit.gateway")

_ANSWER_408_WITHIN_S: Final = 5.0  # the application's answer to a late body says more than the server's


def run_gateway(
    settings: GatewaySettings, connection: ConnectionSettings, http: HttpSettings, *, log_level: str
) -> int:
    """Serve until SIGTERM or SIGINT, answer the requests under way, and return the exit code.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        SettingsError: the port of health cannot be bound.
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
    metrics = MetricSet(GATEWAY_METRICS)
    limits = limits_of(http, body_s=settings.gateway_body_timeout_s + _ANSWER_408_WITHIN_S)
    server = WebServer(address, "gateway", metrics, limits)
    app = create_app(settings, connection, metrics)
    health = health_once_started(metrics.registry, lambda: app.state.health, server.stopping)
    # Models and routes live as long as the process, so the garbage collector need not scan them again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    port = HealthPort(health, settings.gateway_health_port, "PLAUDIT_GATEWAY_HEALTH_PORT")
    started = server.run(app, port)
    # uvicorn turns an error of the lifespan into a failed start: raise the error that says why.
    if app.state.failure is not None:
        raise app.state.failure
    log.info("stopped")
    return 0 if started else 1
