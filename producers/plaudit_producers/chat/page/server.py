"""Run the chat page in this process until it is told to stop."""

import logging

from plaudit_schemas.service.health import health_once_started
from plaudit_schemas.service.http_limits import limits_of
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.web_server import Address, HealthPort, WebServer
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.http import HttpSettings

from plaudit_producers.chat.core import make_core
from plaudit_producers.chat.page.app import create_app
from plaudit_producers.chat.page.health import CHAT_METRICS
from plaudit_producers.chat.settings import ChatSettings

log = logging.getLogger("plaudit.chat")


def run_chat(
    settings: ChatSettings, connection: ConnectionSettings, http: HttpSettings, *, log_level: str
) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code. Answers that are being written are cut then.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        SettingsError: the port of health cannot be bound.
        PlauditError: any error of `make_core`.
    """
    configure_logging(log_level)
    address = Address(
        settings.chat_host, settings.chat_port, "PLAUDIT_CHAT_PORT", settings.chat_trusted_proxies
    )
    metrics, own_port = MetricSet(CHAT_METRICS), settings.chat_health_port
    server = WebServer(address, "chat page", metrics, limits_of(http))
    app = create_app(
        lambda: make_core(settings, connection), server.stopping, metrics, serves_metrics=own_port is None
    )
    health = health_once_started(metrics.registry, lambda: app.state.health, server.stopping)
    started = server.run(app, HealthPort(health, own_port, "PLAUDIT_CHAT_HEALTH_PORT"))
    # uvicorn turns an error of the lifespan into a failed start: raise the error that says why.
    if app.state.failure is not None:
        raise app.state.failure
    log.info("stopped")
    return 0 if started else 1
