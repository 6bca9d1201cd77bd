"""The web servers as processes: each limits its connections, and has health on a port of its own if asked."""

import contextlib
import re
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from harness.chat_page import ChatPage
from harness.gateway import Gateway
from harness.waiting import eventually
from harness.web_process import WebProcess
from tests.support.console import Console
from tests.support.event_log import own_topics
from tests.support.gateway import make_gateway

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

_HEALTH = re.compile(r"health and metrics are on (http://\S+)")
Start = Callable[..., WebProcess]


@pytest.fixture
def start(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a gateway, a console or a chat page with these settings."""
    made: list[WebProcess] = []

    def start_with(kind: type[WebProcess], **settings: str) -> WebProcess:
        if kind is Gateway:
            process: WebProcess = make_gateway(kafka, valkey, tmp_path, **settings)
        elif kind is ChatPage:
            pytest.importorskip("gradio")
            process = ChatPage(own_topics(kafka), tmp_path, settings)
        else:
            process = Console(own_topics(kafka), tmp_path, settings)
        process.launch()
        made.append(process)
        return process

    yield start_with
    for one in made:
        assert one.stop() == 0


def health_url(process: WebProcess) -> str:
    """The address of the health port, once it is open."""
    eventually(lambda: _HEALTH.search(process.log()) is not None, "the health port is open")
    found = _HEALTH.search(process.log())
    assert found is not None
    return found[1]


EACH = pytest.mark.parametrize("kind", [Gateway, Console, ChatPage], ids=["gateway", "console", "chat"])


@EACH
def test_metrics_leave_the_public_port_for_one_of_their_own(start: Start, kind: type[WebProcess]) -> None:
    process = start(kind, **{f"{kind.command}_health_port": "0"})
    own = health_url(process)
    eventually(lambda: httpx.get(f"{own}/health/ready").status_code == 200, "it is ready")
    assert httpx.get(f"{own}/health/live").json() == {"status": "live"}
    assert "plaudit_http_connections" in httpx.get(f"{own}/metrics").text
    assert process.status("/metrics") in (401, 404)
    assert process.status("/health/ready") == 200


@EACH
def test_health_answers_while_every_place_is_taken(start: Start, kind: type[WebProcess]) -> None:
    process = start(kind, http_connections="20", http_address_connections="20")
    host, port = process.url.removeprefix("http://").rsplit(":", 1)
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            half = stack.enter_context(socket.create_connection((host, int(port)), timeout=30))
            half.sendall(b"GET /health/live HTTP/1.1\r\nx: ")
        eventually(lambda: process.status("/health/live") == 200, "health answers")
        assert process.status("/") == 429
    eventually(lambda: process.status("/") not in (0, 429), "the places are free again")


def test_the_health_port_answers_before_the_gateway_can_start(start: Start) -> None:
    """What is asked for the schema's id does not answer, so the gateway is alive and not ready."""
    process = start(Gateway, gateway_health_port="0", schema_registry_url="http://127.0.0.1:1")
    own = health_url(process)
    assert httpx.get(f"{own}/health/live").status_code == 200
    assert httpx.get(f"{own}/health/ready").status_code == 503


def test_a_health_port_that_is_taken_is_said_with_its_setting(start: Start) -> None:
    first = start(Gateway, gateway_health_port="0")
    taken = health_url(first).rsplit(":", 1)[1]
    with pytest.raises(AssertionError, match="PLAUDIT_GATEWAY_HEALTH_PORT"):
        start(Gateway, gateway_health_port=taken)
