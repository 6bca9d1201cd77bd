"""Run the console in this process until it is told to stop."""

import logging
from argparse import Namespace

from plaudit_producers.gateway.access.key_stores import KeyStore
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.service.metrics import Metric, MetricSet
from plaudit_schemas.service.web_server import Address, WebServer
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_infra.console.access import ConsoleAccess
from plaudit_infra.console.accounts import Accounts
from plaudit_infra.console.app import create_app
from plaudit_infra.console.pages import console_pages, create_parts
from plaudit_infra.console.settings import ConsoleSettings

log = logging.getLogger("plaudit.console")

CONSOLE_METRICS = (Metric("plaudit_console_sessions", "gauge", "Sessions that have not expired."),)


def run_console(
    settings: ConsoleSettings,
    connection: ConnectionSettings,
    store: KeyStore,
    arguments: Namespace,
    *,
    log_level: str,
) -> int:
    """Serve until SIGTERM or SIGINT, end the streams, and return the exit code.

    Args:
        arguments: those of the command, which hold the pages' own settings.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        SettingsError: a setting of a page is wrong.
    """
    configure_logging(log_level)
    pages = [(page, create_parts(page, connection, arguments)) for page in console_pages()]
    proxies = settings.console_trusted_proxies
    address = Address(settings.console_host, settings.console_port, "PLAUDIT_CONSOLE_PORT", proxies)
    server = WebServer(address, "console")
    access = ConsoleAccess(
        Accounts(store),
        session_s=int(settings.console_session_hours * 3600),
        visitors=settings.console_access == "open",
    )
    metrics = MetricSet(CONSOLE_METRICS)
    health = Health(
        metrics.registry,
        unready=lambda: None,
        before_metrics=lambda: metrics.gauge("plaudit_console_sessions").set(access.signed_in),
    )
    started = server.run(create_app(pages, access, health, server.stopping))
    log.info("stopped")
    return 0 if started else 1
