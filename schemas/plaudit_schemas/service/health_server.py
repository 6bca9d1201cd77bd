"""Serves health and metrics on a port and a thread of their own, within limits."""

import _thread
import asyncio
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.client import LineTooLong
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.health import Health, HealthAnswer, json_answer

_LOOP_ANSWERS_WITHIN_S: Final = 5.0
_STOPS_WITHIN_S: Final = 5.0
_MOST: Final = 64  # connections; a thread each. A new one displaces the oldest
_HEAD_BYTES: Final = 16 << 10
_WHOLE_REQUEST_S: Final = 15.0
_LOOK_EVERY_S: Final = 0.1


@contextmanager
def serve(
    health: Health, host: str, port: int, setting: str, loop: asyncio.AbstractEventLoop | None = None
) -> Iterator[str]:
    """Serve the three paths on a thread until the `with` block ends. Yields the URL.

    Args:
        port: 0 takes a free one.
        setting: the environment variable of the port, for the error message.
        loop: the event loop that the process works on. The answers are made on it, so that a scrape never
            shows half of a change. If it does not respond within some seconds, the process counts as dead.
            If None, the serving thread makes the answers.

    Raises:
        SettingsError: the host and port cannot be bound.
    """

    class Handler(_Handler):
        answer_of = staticmethod(health.answer_of if loop is None else _answers_on(loop, health))

    try:
        server = _HealthServer((host, port), Handler)
    except OSError as error:
        raise SettingsError(
            f"{setting}: {host}:{port} cannot be served ({error.strerror}); give each process on a host "
            "its own port, or 0 for a free one"
        ) from None
    thread = threading.Thread(target=server.serve_until_ended, name="health", daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_address[1]}"
    finally:
        # Not `shutdown`: it waits for the thread, and that may wait for one that had no memory to start.
        server.ended = True
        thread.join(_STOPS_WITHIN_S)
        server.server_close()


class _HealthServer(ThreadingHTTPServer):
    daemon_threads = True  # an open connection must not keep the process alive
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._lock = threading.Lock()
        self._opened: dict[Any, float] = {}  # when each connection was opened, the oldest first
        self.ended = False
        super().__init__(address, handler)

    def serve_until_ended(self) -> None:
        """Serve until `ended` is set."""
        with suppress(_EndedError):
            self.serve_forever(_LOOK_EVERY_S)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._lock:
            if len(self._opened) >= _MOST:
                _cut(next(iter(self._opened)))
                del self._opened[next(iter(self._opened))]
            self._opened[request] = time.monotonic()
        # Not `threading.Thread.start`, which waits until the thread runs: one that has no memory to run would
        # keep this one waiting for good. Its connection is cut when its time is up.
        _thread.start_new_thread(self.process_request_thread, (request, client_address))

    def service_actions(self) -> None:
        """Cut the connections whose time is up. The server calls it every `_LOOK_EVERY_S`."""
        if self.ended:
            raise _EndedError
        before = time.monotonic() - _WHOLE_REQUEST_S
        with self._lock:
            for request in [each for each, at in self._opened.items() if at < before]:
                _cut(request)
                del self._opened[request]
        super().service_actions()

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._opened.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing, because clients come and go."""


class _EndedError(Exception):
    """The server is to end."""


class _Handler(BaseHTTPRequestHandler):
    answer_of: Callable[[str], HealthAnswer | None]
    timeout = 10.0  # seconds that a client may be silent

    def setup(self) -> None:
        super().setup()
        self.rfile = _Head(self.rfile)  # type: ignore[assignment]  # it has what the base class calls

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except LineTooLong:  # the request line, which the base class reads by itself
            self.requestline = self.request_version = self.command = ""
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def do_GET(self) -> None:
        found = self.answer_of(self.path.partition("?")[0])
        answer = found or json_answer({"status": "not found"}, "not found", HTTPStatus.NOT_FOUND)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Log nothing, because probes come every second."""


class _Head:
    """The head of a request, line by line and up to a limit."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file, self._left = file, _HEAD_BYTES
        self.close, self.closed = file.close, False

    def readline(self, limit: int) -> bytes:
        """The next line. It raises what http.client does, which is answered with 431."""
        line = self._file.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise LineTooLong("head")
        return line


def _cut(request: Any) -> None:
    with suppress(OSError):  # it is closed already
        request.shutdown(socket.SHUT_RDWR)


def _answers_on(loop: asyncio.AbstractEventLoop, health: Health) -> Callable[[str], HealthAnswer | None]:
    async def answered(path: str) -> HealthAnswer | None:
        return health.answer_of(path)

    def answer_of(path: str) -> HealthAnswer | None:
        try:
            return asyncio.run_coroutine_threadsafe(answered(path), loop).result(_LOOP_ANSWERS_WITHIN_S)
        except TimeoutError:
            return json_answer({"status": "dead", "reason": "the event loop does not respond"}, "dead")

    return answer_of
