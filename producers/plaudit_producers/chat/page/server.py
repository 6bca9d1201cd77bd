"""Run the chat page in this process until it is told to stop."""

import logging

from plaudit_schemas.service.logs import configure_logging
from plaudit_schemas.service.web_server import Address, WebServer
from plaudit_schemas.settings.connection import ConnectionSettings

from plaudit_producers.chat.core import make_core
from plaudit_producers.chat.page.app import create_app
from plaudit_producers.chat.settings import ChatSettings

log = logging.getLogger("plaudit.chat")


def run_chat(settings: ChatSettings, connection: ConnectionSettings, *, log_level: str) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code. Answers that are being written are cut then.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        PlauditError: any error of `make_core`.
    """
    configure_logging(log_level)
    address = Address(
        settings.chat_host, settings.chat_port, "PLAUDIT_CHAT_PORT", settings.chat_trusted_proxies
    )
    server = WebServer(address, "chat page")
    app = create_app(lambda: make_core(settings, connection), server.stopping)
    started = server.run(app)
    # uvicorn turns an error of the lifespan into a failed start: raise the error that says why.
    if app.state.failure is not None:
        raise app.state.failure
    log.info("stopped")
    return 0 if started else 1
