"""A chat endpoint for tests: chat completions, responses and embeddings as OpenAI has them, and TGI.

The model's name says how it answers; MODELS in chat_endpoint_models.py lists all of them. Every other name is
answered by 404.

- In this process: `with chat_endpoint() as endpoint:`. Give `endpoint.base_url` to OpenAI-compatible clients,
  and `endpoint.tgi_url("echo")` to clients of TGI, whose requests name no model.
- As a process that can be killed: `with chat_endpoint_process() as process:`, then `process.kill()` and
  `process.start()`.
- By hand: `python -m tests.support.chat_endpoint 8123 0.05` (a port, and the seconds between two pieces).
"""

import json
import select
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any, Final

from tests.support import chat_endpoint_bodies as bodies
from tests.support.chat_endpoint_bodies import Json, Said
from tests.support.chat_endpoint_models import MODELS, REFUSALS, RETRY_AFTER_S, said_by

_HTML: Final = b"<!doctype html><title>Sign in</title>"
_BREAKS_AFTER: Final = 2
_LOOK_S: Final = 0.01


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it came. The names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: Json


@dataclass
class ChatEndpoint:
    """A running endpoint, which tests may look at and change.

    Attributes:
        url: without a path.
        api_key: if set, all other keys get 401.
        pace_s: seconds between two pieces of a stream.
        answers: texts to answer next, one for each answer, instead of what the model would say.
        requests: what came, oldest first.
        left: how many clients closed the connection before the end of their answer.
    """

    url: str = ""
    api_key: str | None = None
    pace_s: float = 0.0
    answers: deque[str] = field(default_factory=deque)
    requests: list[ReceivedRequest] = field(default_factory=list)
    left: int = 0
    ended: threading.Event = field(default_factory=threading.Event)
    _allowed: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ids: "count[int]" = field(default_factory=lambda: count(1))
    _answered: "count[int]" = field(default_factory=lambda: count(1))

    @property
    def base_url(self) -> str:
        """What OpenAI-compatible clients call their base URL."""
        return f"{self.url}/v1"

    def tgi_url(self, model: str) -> str:
        """The URL of a TGI server with this model."""
        return f"{self.url}/tgi/{model}"

    def release(self, pieces: int = 1) -> None:
        """Let `held` streams send so many pieces more, all of them together."""
        self._allowed.release(pieces)

    def may_send(self) -> bool:
        """Whether a `held` stream may send its next piece now. Waits a moment for it."""
        return self._allowed.acquire(timeout=_LOOK_S)

    def next_id(self) -> int:
        """A number that no other call has."""
        return next(self._ids)

    def note_left(self) -> None:
        with self._lock:
            self.left += 1

    def says(self, model: str, body: Json, prompt: str) -> Said:
        """What the model answers."""
        if self.answers:
            return Said(self.answers.popleft())
        number = next(self._answered) if model == "counting" else 0
        return said_by(model, body, prompt, number)


@contextmanager
def chat_endpoint(*, port: int = 0, pace_s: float = 0.0) -> Iterator[ChatEndpoint]:
    """A running endpoint on the loopback."""
    endpoint = ChatEndpoint(pace_s=pace_s)
    server = ThreadingHTTPServer(
        ("127.0.0.1", port), type("Handler", (_Handler,), {"endpoint": endpoint}), bind_and_activate=False
    )
    server.daemon_threads = True
    server.request_queue_size = 128
    server.server_bind()
    server.server_activate()
    endpoint.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass
class ChatEndpointProcess:
    """An endpoint in a process of its own, which keeps its port when it is started again."""

    pace_s: float
    port: int = 0
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.support.chat_endpoint", str(self.port), str(self.pace_s)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """End it as kill -9 does."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@contextmanager
def chat_endpoint_process(*, pace_s: float = 0.0) -> Iterator[ChatEndpointProcess]:
    """An endpoint that a test can kill."""
    process = ChatEndpointProcess(pace_s)
    process.start()
    try:
        yield process
    finally:
        process.kill()


class _LeftError(Exception):
    """The client is gone, or the endpoint ends."""


class _Handler(BaseHTTPRequestHandler):
    endpoint: ChatEndpoint
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        listed = [{"id": name, "object": "model", "created": 0, "owned_by": "tests"} for name in MODELS]
        if self.path == "/v1/models":
            self._send(200, {"object": "list", "data": listed})
        elif self.path.endswith("/info"):
            self._send(
                200, {"model_id": self.path.split("/")[2], "version": "3.0.0", "max_input_tokens": 4095}
            )
        else:
            self._send(404, bodies.problem(f"no path {self.path}", "invalid_request_error", None))

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.close_connection = False
        try:
            self._answer(json.loads(content or b"{}"))
        except (_LeftError, BrokenPipeError, ConnectionResetError):
            self.endpoint.note_left()
            self.close_connection = True

    def _answer(self, body: Json) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.endpoint.requests.append(ReceivedRequest(self.path, headers, body))
        self.model = self.path.split("/")[2] if self._is_tgi() else str(body.get("model"))
        if self._refuse(headers):
            return
        path = "/" + "/".join(self.path.split("/")[3:]) if self._is_tgi() else self.path
        route = _ROUTES.get(path.removeprefix("/v1"))
        if route is None:
            self._send(404, bodies.problem(f"no path {self.path}", "invalid_request_error", None))
        else:
            route(self, body)

    def _is_tgi(self) -> bool:
        return self.path.startswith("/tgi/")

    def _refuse(self, headers: dict[str, str]) -> bool:
        key = self.endpoint.api_key
        name = "bad-key" if key and headers.get("authorization") != f"Bearer {key}" else self.model
        if name in REFUSALS:
            status, message, kind, code = REFUSALS[name]
            retry = {"Retry-After": str(RETRY_AFTER_S)} if status == 429 else {}
            tgi = {"error": message, "error_type": "overloaded" if status in (429, 503) else "validation"}
            self._send(status, tgi if self._is_tgi() else bodies.problem(message, kind, code), retry)
        elif name not in MODELS:
            message = f"The model `{name}` does not exist."
            self._send(404, bodies.problem(message, "invalid_request_error", "model_not_found"))
        elif name == "no-json":
            self._send(200, _HTML, {"Content-Type": "text/html"})
        elif name == "silent":
            self._wait_for_ever()
        else:
            return False
        return True

    def _chat(self, body: Json) -> None:
        prompt = bodies.last_text(body.get("messages") or [])
        answers = [self.endpoint.says(self.model, body, prompt) for _ in range(body.get("n") or 1)]
        told = (self._call_id("chatcmpl"), self.model, answers, bodies.tokens(body.get("messages")))
        if body.get("stream"):
            usage = bool((body.get("stream_options") or {}).get("include_usage"))
            self._stream(bodies.completion_chunks(*told, usage=usage), done=True)
        else:
            self._send_plain(bodies.completion(*told))

    def _responses(self, body: Json) -> None:
        given = body.get("input") or ""
        prompt = given if isinstance(given, str) else bodies.last_text(given)
        said = self.endpoint.says(self.model, body, prompt)
        told = (
            self._call_id("resp"),
            self.model,
            said,
            bodies.tokens(given),
            body.get("previous_response_id"),
        )
        if body.get("stream"):
            self._stream(bodies.response_events(*told), named=True)
        else:
            self._send_plain(bodies.response(*told))

    def _generate(self, body: Json) -> None:
        self._tgi(body, stream=bool(body.get("stream")))

    def _generate_stream(self, body: Json) -> None:
        self._tgi(body, stream=True)

    def _tgi(self, body: Json, *, stream: bool) -> None:
        prompt, parameters = body.get("inputs") or "", body.get("parameters") or {}
        limit = {"max_tokens": parameters.get("max_new_tokens")}
        said, tokens = self.endpoint.says(self.model, limit, prompt), len(bodies.pieces(prompt))
        if stream:
            self._stream(bodies.generated_lines(said, tokens))
        else:
            self._send_plain(bodies.generated(said, tokens))

    def _embeddings(self, body: Json) -> None:
        given = body["input"] if isinstance(body["input"], list) else [body["input"]]
        data = [{"object": "embedding", "index": at, "embedding": [0.5, 0.25]} for at, _ in enumerate(given)]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        self._send(200, {"object": "list", "data": data, "model": self.model, "usage": usage})

    def _call_id(self, kind: str) -> str:
        return f"{kind}-{self.endpoint.next_id():06}"

    def _send(self, status: int, content: Any, headers: dict[str, str] | None = None) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        told = {"Content-Type": "application/json", "x-request-id": "req-1", **(headers or {})}
        self._send_head(status, {**told, "Content-Length": str(len(data))})
        self.wfile.write(data)

    def _send_head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_plain(self, content: Json) -> None:
        if self.model == "error-in-stream":
            self._send(500, bodies.problem("The server had an error.", "server_error", None))
        elif self.model == "bad-json":
            self._send(200, json.dumps(content).encode()[:20])
        elif self.model in ("cut", "stalled", "stops-early"):
            data = json.dumps(content).encode()
            self._send_head(200, {"Content-Type": "application/json", "Content-Length": str(len(data))})
            self.wfile.write(data[:20])
            if self.model == "stalled":
                self._wait_for_ever()
            self.close_connection = True
        else:
            self._send(200, content)

    def _stream(self, events: Iterable[Json], *, named: bool = False, done: bool = False) -> None:
        self._send_head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        spoken = 0
        for event in events:
            if bodies.speaks(event):
                if spoken == _BREAKS_AFTER and self._breaks(named=named):
                    return
                spoken += 1
                self._keep_pace()
            self._write_chunk(bodies.sse(event, named=named))
        if done:
            self._write_chunk(b"data: [DONE]\n\n")
        self._write_chunk(b"")

    def _breaks(self, *, named: bool) -> bool:
        """Do what the model does in the midst of a stream. True if that is its end."""
        if self.model == "cut":
            self.close_connection = True
        elif self.model == "bad-json":
            self._write_chunk(b'data: {"choices": [{"ind\n\n')
            self._write_chunk(b"")
        elif self.model == "stops-early":
            self._write_chunk(b"")
        elif self.model == "error-in-stream":
            error = bodies.problem("The engine fell over.", "server_error", "internal_error")
            event = {**error["error"], "type": "error", "sequence_number": 99} if named else error
            if self._is_tgi():
                event = {"error": "The engine fell over.", "error_type": "generation"}
            self._write_chunk(bodies.sse(event, named=named))
            self._write_chunk(b"")
        elif self.model == "stalled":
            self._wait_for_ever()
        else:
            return False
        return True

    def _write_chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _keep_pace(self) -> None:
        if self.endpoint.pace_s and self.endpoint.ended.wait(self.endpoint.pace_s):
            raise _LeftError
        self._check_client()
        while self.model == "held" and not self.endpoint.may_send():
            self._check_client()

    def _wait_for_ever(self) -> None:
        while not self.endpoint.ended.wait(_LOOK_S):
            self._check_client()
        raise _LeftError

    def _check_client(self) -> None:
        readable, _, _ = select.select([self.connection], [], [], 0)
        if self.endpoint.ended.is_set() or (readable and not self.connection.recv(1, socket.MSG_PEEK)):
            raise _LeftError


_ROUTES: Final[dict[str, Any]] = {
    "/chat/completions": _Handler._chat,
    "/responses": _Handler._responses,
    "/embeddings": _Handler._embeddings,
    "/": _Handler._generate,
    "/generate": _Handler._generate,
    "/generate_stream": _Handler._generate_stream,
}


def main(port: int = 0, pace_s: float = 0.0) -> None:
    """Serve until the process is ended. The port is the first line of the output."""
    with chat_endpoint(port=port, pace_s=pace_s) as endpoint:
        print(endpoint.url.rpartition(":")[2], flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 0, float(sys.argv[2]) if sys.argv[2:] else 0.0)
