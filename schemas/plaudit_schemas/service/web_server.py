"""Serve a web application with uvicorn until the process is told to stop."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import uvicorn

from plaudit_schemas.errors import ServiceUnavailableError

log = logging.getLogger("plaudit.web")

_STOP_WITHIN_S: Final = 15  # for requests under way, after SIGTERM or SIGINT


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


class WebServer:
    """Serves one application on one address.

    Attributes:
        url: the URL that it listens on.
    """

    def __init__(self, address: Address, name: str) -> None:
        """Binds the address, but does not serve yet.

        Args:
            name: of the server in the log.

        Raises:
            ServiceUnavailableError: the address cannot be bound.
        """
        self._address, self._name = address, name
        self._socket = _bind(address)
        self._server: _Server | None = None
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def stopping(self) -> bool:
        """Whether the server was told to stop. Streaming responses must then end."""
        return self._server is not None and bool(self._server.should_exit)

    def run(self, app: Any) -> bool:
        """Serve until SIGTERM or SIGINT, and then answer the requests under way. Blocks.

        Returns:
            Whether the application started.
        """
        proxies = self._address.trusted_proxies
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,  # keeps the process's own logging
                access_log=False,
                loop="uvloop",
                http="httptools",
                proxy_headers=bool(proxies),
                forwarded_allow_ips=proxies,
                server_header=False,
                timeout_graceful_shutdown=_STOP_WITHIN_S,
            )
        )
        self._server.announcement = f"the {self._name} listens on {self.url}"
        with self._socket, contextlib.suppress(SystemExit):  # uvicorn raises it if the start failed
            self._server.run(sockets=[self._socket])
        return self._server.started


class _Server(uvicorn.Server):
    """Logs its URL once it listens. A signal stops it with exit code 0.

    uvicorn's own handler raises the signal again after the shutdown, and so ends the process with an error.
    """

    announcement = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            log.info("%s", self.announcement)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield


def _bind(address: Address) -> socket.socket:
    host, port = address.host, address.port
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # Without it, a restart would fail as long as old connections are in TIME_WAIT.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ServiceUnavailableError(
            f"{host}:{port} cannot be bound ({error.strerror}); set {address.port_setting} to another port"
        ) from None
    return bound
