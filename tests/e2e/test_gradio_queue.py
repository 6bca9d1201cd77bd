"""The chat page's queue: clicks in quick succession, and many visitors. Without a browser."""

import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import httpx
import pytest
from plaudit_schemas.contract.events import AddMessage

from harness.waiting import eventually
from tests.e2e.page_server import PageServer, recorded, said, serve_models
from tests.support.chat_endpoint import chat_endpoint

pytestmark = pytest.mark.slow  # test_gradio_pair.py tries the page without --slow

GRADIO_JOBS = 40
"""How many events Gradio's queue handles at a time by default."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    folder = tmp_path_factory.mktemp("page")
    # What is held stays so, however slow this machine is.
    patient = {f"chat_{which}_timeout_s": 3600 for which in ("first_token", "token", "answer")}
    with (
        chat_endpoint() as endpoint,
        serve_models(folder, endpoint, ("echo", "held"), **patient) as started,
    ):
        yield started


class Visitor:
    """A visitor's tab, by the requests that it sends."""

    def __init__(self, server: PageServer) -> None:
        self._client = httpx.Client(
            base_url=server.url, timeout=60, headers={"sec-fetch-site": "same-origin"}
        )
        self._client.get("/").raise_for_status()  # a cookie
        config = self._client.get("/config").json()
        self.labels = {one["id"]: one["props"].get("label") for one in config["components"]}
        self.wired: dict[tuple[int, str], int] = {
            (target, event): wired["id"]
            for wired in config["dependencies"]
            for target, event in wired["targets"]
        }
        self.tab = uuid.uuid4().hex

    def close(self) -> None:
        self._client.close()

    def action(self, label: str, event: str) -> int:
        """The number of what happens at an event of the part with this label."""
        [part] = [one for one, given in self.labels.items() if given == label and (one, event) in self.wired]
        return self.wired[part, event]

    def send(self, *actions: tuple[Any, ...]) -> None:
        """Let the page do something: actions, each with its values. Returns when all are in its queue.

        One connection brings all, and none waits for the answer to the one before it.
        """
        requests = [self._request(action, values) for action, *values in actions]
        address = self._client.base_url.host, self._client.base_url.port
        with socket.create_connection(address, timeout=60) as connection:
            connection.sendall(b"".join(requests))
            answers = b""
            while answers.count(b"HTTP/1.1 200") < len(requests):
                piece = connection.recv(1 << 16)
                assert piece, answers
                answers += piece

    def _request(self, action: int, values: list[Any]) -> bytes:
        # The tab's state is the first value.
        body = {"data": [None, *values], "fn_index": action, "session_hash": self.tab}
        request = self._client.build_request("POST", "/gradio_api/queue/join", json=body)
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return f"POST /gradio_api/queue/join HTTP/1.1\r\n{head}\r\n".encode() + request.content

    def ask(self, text: str, model: str) -> None:
        self.send((self.action("Your message", "submit"), text, model, False))


def test_quick_clicks_are_recorded_in_their_order(server: PageServer) -> None:
    with closing(Visitor(server)) as visitor:
        visitor.ask("hello", "echo")
        recorded(server, AddMessage, 2)
        stars = visitor.action("How good is this chat?", "input")
        words = visitor.action("What do you say about this chat?", "submit")
        take_back = stars + 1  # the button that is wired next
        clicks: list[tuple[Any, ...]] = []
        for turn in range(50):
            clicks += [(stars, 1.0 + turn % 5), (words, f"words {turn}"), (take_back,)]
        visitor.send(*clicks)
        values = [value for _, value in said(server, len(clicks))]
        given = [getattr(value, "number", None) or getattr(value, "text", None) for value in values]
        assert given == [value[0] if value else None for _, *value in clicks]


def test_more_visitors_than_gradio_has_jobs_are_served_at_once(server: PageServer) -> None:
    server.producer.clear()

    def answered() -> set[str]:
        bodies = [body for body in server.bodies() if isinstance(body, AddMessage)]
        return {body.model.id for body in bodies if body.model is not None}

    with ExitStack() as opened:
        for _ in range(GRADIO_JOBS + 5):
            opened.enter_context(closing(Visitor(server))).ask("wait for it", "held")
        opened.enter_context(closing(Visitor(server))).ask("hello", "echo")
        eventually(lambda: "echo" in answered(), "the last visitor has an answer")
        assert "held" not in answered(), "the others still wait"
