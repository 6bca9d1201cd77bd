"""A real registry behind a proxy that answers some paths, or all of them, as a test says."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import httpx

_PASSED_ON = ("Content-Type", "Accept")


class Answer(NamedTuple):
    """An answer of the proxy. With `hangs` it does not come while the proxy runs."""

    status: int = 200
    body: bytes = b""
    location: str | None = None
    hangs: bool = False


HTML = b"<!doctype html><title>Sign in</title>"


@dataclass
class FaultyRegistry:
    """The proxy. All other requests are answered by the real registry.

    Attributes:
        url: of Confluent's API, as clients get it.
        answers: path after `url` -> its answer.
        everything: the answer to all requests; None for none.
        asked: path after `url` -> how often it was asked for.
    """

    behind: str
    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    everything: Answer | None = None
    asked: Counter[str] = field(default_factory=Counter)
    ended: threading.Event = field(default_factory=threading.Event)

    def refuse_id(self, schema_id: int, status: int, body: bytes = b"") -> None:
        """Give this answer to those who ask for a schema."""
        self.answers[f"/schemas/ids/{schema_id}"] = Answer(status, body)

    def answer_to(self, path: str, method: str, data: bytes | None, headers: Any) -> Answer:
        self.asked[path] += 1
        answer = self.everything or self.answers.get(path) or self._pass_on(path, method, data, headers)
        if answer.hangs:
            self.ended.wait(300)
        return answer

    def _pass_on(self, path: str, method: str, data: bytes | None, headers: Any) -> Answer:
        kept = {name: headers[name] for name in _PASSED_ON if headers[name]}
        answer = httpx.request(method, self.behind + path, content=data, headers=kept, timeout=30)
        return Answer(answer.status_code, answer.content)


@contextmanager
def faulty_registry(behind: str) -> Iterator[FaultyRegistry]:
    """Runs the proxy before the registry at `behind`."""
    registry = FaultyRegistry(behind)

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            size = int(self.headers["Content-Length"] or 0)
            data = self.rfile.read(size) if self.command == "POST" else None
            answer = registry.answer_to(self.path, self.command, data, self.headers)
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            if answer.location is not None:
                self.send_header("Location", answer.location)
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST = _answer

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked has left
    registry.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
