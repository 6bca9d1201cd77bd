"""A web application served by uvicorn until the process is told to stop."""

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

_STOP_WITHIN_S: Final = 15


class Address(NamedTuple):
    """Where to serve.

    Attributes:
        port: 0 takes a free one.
        port_setting: the variable that the port comes from, for the error.
        trusted_proxies: addresses whose X-Forwarded headers hold, comma-separated; none for none.
    """

    host: str
    port: int
    port_setting: str
    trusted_proxies: str = ""


class WebServer:
    """One application on one address.

    Attributes:
        url: where it listens.
    """

    def __init__(self, address: Address, name: str) -> None:
        """Binds the address; `name` is what the log calls the server.

        Raises:
            ServiceUnavailableError: the address cannot be bound.
        """
        self._address, self._name = address, name
        self._socket = _bind(address)
        self._server: _Server | None = None
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    def stopping(self) -> bool:
        """Whether it was told to stop: streams end then."""
        return self._server is not None and bool(self._server.should_exit)

    def run(self, app: Any) -> bool:
        """Blocks until SIGTERM or SIGINT; requests under way are answered first. Whether it ever started."""
        proxies = self._address.trusted_proxies
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
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
        with self._socket, contextlib.suppress(SystemExit):  # what uvicorn raises after a start that failed
            self._server.run(sockets=[self._socket])
        return self._server.started


class _Server(uvicorn.Server):
    """Says where it listens once it does; ends with exit code 0 when told to, where uvicorn's raises."""

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
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ServiceUnavailableError(
            f"{host}:{port} cannot be bound ({error.strerror}); set {address.port_setting} to another port"
        ) from None
    return bound
