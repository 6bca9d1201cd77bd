"""Run the console in this process until it is told to stop."""

import logging
from argparse import Namespace

from plaudit_producers.gateway.access.key_stores import KeyStore
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.http_limits import HTTP_METRICS, limits_of
from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.service.metrics import Metric, MetricSet
from plaudit_schemas.service.web_server import Address, HealthPort, WebServer
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.http import HttpSettings

from plaudit_infra.console.access import ConsoleAccess
from plaudit_infra.console.accounts import Accounts
from plaudit_infra.console.app import create_app
from plaudit_infra.console.links import SignInLinks, link_file, refuse_links
from plaudit_infra.console.pages import console_pages, create_parts
from plaudit_infra.console.refusals import RefusalCounter
from plaudit_infra.console.settings import ConsoleSettings

log = logging.getLogger("plaudit.console")

CONSOLE_METRICS = (
    *HTTP_METRICS,
    Metric("plaudit_console_sessions", "gauge", "Sessions that have not expired."),
    Metric(
        "plaudit_console_refused_total",
        "counter",
        "Refusals: sign_in (no valid API key or link) and forbidden (the user may not do this), by reason.",
        ("reason",),
        values=(("sign_in", "forbidden"),),
    ),
    Metric("plaudit_console_keys_lost", "gauge", "Accepted API keys that their store lost, unrevoked."),
    Metric(
        "plaudit_console_key_reads_failed_total",
        "counter",
        "Times that the API keys could not be read again; those known before stay in use.",
    ),
)


def run_console(
    settings: ConsoleSettings,
    connection: ConnectionSettings,
    store: KeyStore,
    arguments: Namespace,
    link_for: str | None,
) -> int:
    """Serve until SIGTERM or SIGINT, end the streams, and return the exit code.

    Args:
        arguments: those of the command, which hold the pages' own settings and the log level.
        link_for: print one-time links that sign in the key with this id; "" is for figures only, and None
            prints none.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        KeyStoreError: the file of API keys is missing, or holds something else.
        SettingsError: a setting is wrong, the port of health cannot be bound, or others could use a link.
    """
    configure_logging(arguments.log_level)
    if link_for is not None:
        refuse_links(settings.console_host, settings.console_trusted_proxies)
    metrics = MetricSet(CONSOLE_METRICS)
    known = KnownKeys(store, metrics.counter("plaudit_console_key_reads_failed_total").inc)
    known.require()
    if link_for and known.read() and link_for not in (known.keys or {}):
        raise SettingsError(f"--link: there is no API key {link_for}; `plaudit keys list` lists them")
    pages = [(page, create_parts(page, connection, arguments)) for page in console_pages()]
    proxies = settings.console_trusted_proxies
    address = Address(settings.console_host, settings.console_port, "PLAUDIT_CONSOLE_PORT", proxies)
    server = WebServer(address, "console", metrics, limits_of(load(HttpSettings, arguments)))
    links = None if link_for is None else SignInLinks(server.url, link_file(), link_for or None)
    access = ConsoleAccess(
        Accounts(known),
        session_s=int(settings.console_session_hours * 3600),
        links=links,
    )
    own_port = settings.console_health_port

    def update_gauges() -> None:
        metrics.gauge("plaudit_console_sessions").set(access.signed_in)
        metrics.gauge("plaudit_console_keys_lost").set(len(known.lost))

    health = Health(
        metrics.registry,
        unready=lambda: None,
        degraded=lambda: known.problem,
        before_metrics=update_gauges,
    )
    if links is not None:
        log.info("open %s (once, within ten minutes; `plaudit status` prints a new one)", links.link)
    app = create_app(pages, access, health, server.stopping, serves_metrics=own_port is None)
    counted = RefusalCounter(app, metrics)
    started = server.run(counted, HealthPort(health, own_port, "PLAUDIT_CONSOLE_HEALTH_PORT"))
    known.close()
    log.info("stopped")
    return 0 if started else 1
