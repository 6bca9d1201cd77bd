"""Serve a web application with uvicorn until the process is told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any, Final, NamedTuple

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import _TrustedHosts

from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.service.connection_table import ConnectionTable
from plaudit_schemas.service.file_limit import raise_file_limit
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.health_server import serve
from plaudit_schemas.service.http_limits import HttpLimits
from plaudit_schemas.service.limited_protocol import LimitedProtocol
from plaudit_schemas.service.metrics import MetricSet
from plaudit_schemas.service.stop_deadline import end_in_time

log = logging.getLogger("plaudit.web")

_STOP_WITHIN_S: Final = 15  # for requests under way, after SIGTERM or SIGINT
_CHECK_EVERY_S: Final = 1.0  # or half of the shortest time that is allowed
_OTHER_FILES: Final = 200  # that a process needs beside its connections
# More would only wait in the kernel, where nobody sees whether the client still takes it.
_SEND_BUFFER_BYTES: Final = 256 << 10


class Address(NamedTuple):
    """The address to serve on.

    Attributes:
        port: 0 takes a free one.
        port_setting: the environment variable of the port, for the error message.
        trusted_proxies: the addresses of proxies whose X-Forwarded headers are trusted, comma-separated;
            empty trusts none.
    """

    host: str
    port: int
    port_setting: str
    trusted_proxies: str = ""


class HealthPort(NamedTuple):
    """A port for health and metrics only, at the host of the address.

    Attributes:
        port: 0 takes a free one; None opens none.
        setting: the environment variable of the port, for the error message.
    """

    health: Health
    port: int | None
    setting: str


class WebServer:
    """Serves one application on one address.

    Attributes:
        url: the URL that it listens on.
    """

    def __init__(self, address: Address, name: str, metrics: MetricSet, limits: HttpLimits) -> None:
        """Binds the address, but does not serve yet.

        Args:
            name: of the server in the log.
            metrics: with HTTP_METRICS, which it sets.

        Raises:
            ServiceUnavailableError: the address cannot be bound.
        """
        self._address, self._name = address, name
        self._metrics, self._limits = metrics, limits
        self._socket = _bind(address)
        self._server: _Server | None = None
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def stopping(self) -> bool:
        """Whether the server was told to stop. Streaming responses must then end."""
        return self._server is not None and bool(self._server.should_exit)

    def run(self, app: Any, health: HealthPort | None = None) -> bool:
        """Serve until SIGTERM or SIGINT, and then answer the requests under way. Blocks.

        Args:
            health: is served on a port of its own from before the application starts until it has ended.

        Returns:
            Whether the application started.

        Raises:
            SettingsError: the port of health cannot be bound.
        """
        limits, proxies = self._limits, self._address.trusted_proxies
        others = limits.reserve + _OTHER_FILES
        files = raise_file_limit(limits.connections + others)
        limits = replace(limits, connections=min(limits.connections, max(1, files - others)))
        trusted = _TrustedHosts(proxies)  # the same addresses as those whose headers uvicorn trusts
        table = ConnectionTable(limits, self._metrics, lambda address: bool(proxies) and address in trusted)
        self._server = _Server(
            uvicorn.Config(
                _LeftAlone(app),
                log_config=None,  # keeps the process's own logging
                access_log=False,
                loop="uvloop",
                http=partial(LimitedProtocol, table=table, limits=limits),  # type: ignore[arg-type]  # makes one
                ws="none",  # another protocol would have no limits
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
                server_header=False,
                timeout_graceful_shutdown=_STOP_WITHIN_S,
            )
        )
        self._server.announcement = f"the {self._name} listens on {self.url}"
        times = (limits.head_s, limits.body_s, limits.stalled_s, limits.linger_s)
        self._server.check_every_s = min(_CHECK_EVERY_S, min(times) / 2)
        if health is not None and health.port is not None:
            self._server.open_health = partial(
                serve, health.health, self._address.host, health.port, health.setting
            )
        with self._socket, contextlib.suppress(SystemExit):  # uvicorn raises it if the start failed
            self._server.run(sockets=[self._socket])
        return self._server.started


class _LeftAlone:
    """An application that ends quietly when its client is gone: strangers could fill the log with that."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with contextlib.suppress(ClientDisconnect):
            await self._app(scope, receive, send)


class _Server(uvicorn.Server):
    """Logs its URL once it listens. A signal stops it with exit code 0.

    uvicorn's own handler raises the signal again after the shutdown, and so ends the process with an error.
    """

    announcement = ""
    open_health: Callable[[asyncio.AbstractEventLoop], AbstractContextManager[str]] | None = None
    check_every_s = 1.0

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        with contextlib.ExitStack() as stack:
            if self.open_health is not None:
                url = stack.enter_context(self.open_health(asyncio.get_running_loop()))
                log.info("health and metrics are on %s", url)
            await super().serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._check_connections()
            log.info("%s", self.announcement)

    def _check_connections(self) -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(self.check_every_s, self._check_connections)  # also if one check fails
        now = loop.time()
        for connection in list(self.server_state.connections):
            if isinstance(connection, LimitedProtocol):
                connection.check(now)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, loop, number)
        yield

    def _stop(self, loop: asyncio.AbstractEventLoop, number: int) -> None:
        end_in_time(loop)
        self.handle_exit(number, None)


def _bind(address: Address) -> socket.socket:
    host, port = address.host, address.port
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # Without it, a restart would fail as long as old connections are in TIME_WAIT.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ServiceUnavailableError(
            f"{host}:{port} cannot be bound ({error.strerror}); set {address.port_setting} to another port"
        ) from None
    return bound
