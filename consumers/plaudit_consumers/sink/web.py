"""Health and metrics of a sink over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from plaudit_schemas.errors import SettingsError
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from plaudit_consumers.sink.telemetry import Telemetry


@contextmanager
def serve(telemetry: Telemetry, host: str, port: int) -> Iterator[str]:
    """Serve `/health/live`, `/health/ready` and `/metrics`; gives the address.

    Raises:
        SettingsError: host and port are not to be had.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health/live":
                self._json(200, {"status": "live"})
            elif self.path == "/health/ready":
                reason = telemetry.unready()
                status = "ready" if reason is None else "not ready"
                self._json(200 if reason is None else 503, {"status": status, "reason": reason})
            elif self.path == "/metrics":
                telemetry.gauge("plaudit_sink_ready").set(telemetry.unready() is None)
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(telemetry.registry))
            else:
                self._json(404, {"status": "not found"})

        def _json(self, status: int, body: dict[str, str | None]) -> None:
            self._answer(status, "application/json", json.dumps(body).encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
            pass  # probes come every second

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise SettingsError(
            f"PLAUDIT_SINK_WEB_PORT: {host}:{port} cannot be served ({error.strerror}); give each sink of a "
            "host a port of its own, or 0 for a free one"
        ) from None
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="web", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
