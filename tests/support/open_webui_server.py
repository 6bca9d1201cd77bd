"""A stand-in of Open WebUI: the export of its feedback, and the ids of it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_EXPORT = "/api/v1/evaluations/feedbacks/all/export"
_IDS = "/api/v1/evaluations/feedbacks/all/ids"


@dataclass
class OpenWebui:
    """The votes that it has. `busy` requests are answered 503 first."""

    key: str = "sk-admin"
    votes: list[dict[str, Any]] = field(default_factory=list)
    lists_ids: bool = True
    busy: int = 0
    url: str = ""

    def answer(self, path: str, authorization: str | None) -> tuple[int, bytes]:
        """Status and body."""
        if self.busy:
            self.busy -= 1
            return 503, b"starting"
        if authorization != f"Bearer {self.key}":
            return 401, b'{"detail": "Not authenticated"}'
        if path == _EXPORT:
            return 200, json.dumps(self.votes).encode()
        if path == _IDS and self.lists_ids:
            return 200, json.dumps(
                [{"id": vote["id"], "user_id": vote["user_id"]} for vote in self.votes]
            ).encode()
        return 200, b"<!doctype html><title>Open WebUI</title>"  # its pages answer every other path


@contextmanager
def open_webui_server() -> Iterator[OpenWebui]:
    """Serve on a free port of the loopback."""
    served = OpenWebui()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = served.answer(self.path, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield served
        finally:
            server.shutdown()
            thread.join()
