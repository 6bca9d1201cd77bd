"""Run a gateway in this process until it is told to stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from fastapi import APIRouter
from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError

from plaudit_producers.gateway.access_log import log as access_log
from plaudit_producers.gateway.app import create_app
from plaudit_producers.gateway.settings import GatewaySettings

log = logging.getLogger("plaudit.gateway")

_STOP_WITHIN_S = 15


def run_gateway(
    settings: GatewaySettings,
    connection: ConnectionSettings,
    *,
    log_level: str,
    routers: Sequence[APIRouter] = (),
) -> int:
    """Blocks until SIGTERM or SIGINT; requests under way are answered first. The exit code.

    `routers` are parts that come beside the gateway's own; `app.state.server` tells them when it stops.

    Raises:
        ServiceUnavailableError: the address cannot be bound.
        PlauditError: what `startup.services` raises.
    """
    logging.basicConfig(level=log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    lines = logging.StreamHandler()
    lines.setFormatter(logging.Formatter("%(message)s"))
    access_log.propagate = False
    access_log.handlers = [lines]
    bound = _bind(settings.gateway_host, settings.gateway_port)
    # What goes wrong is in our own words: `Watch` logs requests that fail, `failure` holds a failed start.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    app = create_app(settings, connection, routers=routers)
    # Models and routes live as long as the process: the collector need not look at them again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            loop="uvloop",
            http="httptools",
            proxy_headers=bool(settings.gateway_trusted_proxies),
            forwarded_allow_ips=settings.gateway_trusted_proxies,
            server_header=False,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
        )
    )
    app.state.server = server
    with bound, contextlib.suppress(SystemExit):  # what uvicorn raises after a start that failed
        server.run(sockets=[bound])
    if app.state.failure is not None:
        raise app.state.failure
    log.info("stopped")
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Says where it listens once it does; ends with exit code 0 when told to, uvicorn's raises again."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            for bound in sockets or ():
                host, port = bound.getsockname()[:2]
                log.info("the gateway listens on http://%s:%d", f"[{host}]" if ":" in host else host, port)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ServiceUnavailableError(
            f"{host}:{port} cannot be bound ({error.strerror}); set PLAUDIT_GATEWAY_PORT to another port"
        ) from None
    return bound
