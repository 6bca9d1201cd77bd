"""The server of health on a thread: it answers while others hold connections, and holds little."""

import _thread
import contextlib
import socket
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from plaudit_schemas.service import health_server
from plaudit_schemas.service.health import Health, health_once_started
from plaudit_schemas.service.health_server import serve
from plaudit_schemas.service.metrics import MetricSet

from harness.waiting import eventually


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with serve(Health(MetricSet(()).registry, unready=lambda: None), "127.0.0.1", 0, "PLAUDIT_X_PORT") as url:
        host, port = url.removeprefix("http://").split(":")
        yield host, int(port)


def live(address: tuple[str, int]) -> bool:
    url = f"http://{address[0]}:{address[1]}/health/live"
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=10) as answer:
        return bool(answer.status == 200)
    return False


def test_half_open_connections_take_neither_threads_nor_the_place_of_a_probe(
    address: tuple[str, int],
) -> None:
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            half = stack.enter_context(socket.create_connection(address, timeout=30))
            half.sendall(b"GET /health/live HTTP/1.1\r\nx: ")
        eventually(lambda: live(address), "health answers")
        eventually(lambda: threading.active_count() - before <= 70, "no more threads than connections")


def test_a_request_has_a_time_however_it_drips_in(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_server, "_WHOLE_REQUEST_S", 0.3)
    with socket.create_connection(address, timeout=0.05) as slow:
        slow.sendall(b"GET /health/live HTTP/1.1\r\nx: ")

        def cut() -> bool:
            try:
                slow.send(b"a")
                return slow.recv(100) == b""
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        eventually(cut, "the connection is cut")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"x: " + b"a" * 20_000 + b"\r\n\r\n",
    ],
    ids=["path", "header"],
)
def test_a_large_head_is_answered_431(address: tuple[str, int], head: bytes) -> None:
    with socket.create_connection(address, timeout=30) as connection:
        connection.sendall(head)
        assert b" 431 " in connection.recv(1000).split(b"\r\n")[0]


def test_a_process_is_starting_until_its_application_has_started_and_stopping_at_the_end() -> None:
    found: list[Health] = []
    stops: list[bool] = []
    registry = MetricSet(()).registry
    health = health_once_started(registry, lambda: found[0] if found else None, lambda: bool(stops))
    assert (health.unready(), health.dead(), health.degraded()) == ("starting", None, None)
    scraped: list[bool] = []
    found.append(
        Health(
            registry, lambda: "no Kafka", lambda: "stuck", lambda: "no Redis", lambda: scraped.append(True)
        )
    )
    health.before_metrics()
    assert (health.unready(), health.dead(), health.degraded(), scraped) == (
        "no Kafka", "stuck", "no Redis", [True]
    )  # fmt: skip
    stops.append(True)
    assert health.unready() == "stopping"


def test_a_thread_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, release = threading.Event(), threading.Event()

    def start(_server: Any, request: Any, _address: Any) -> None:
        hangs.set()
        release.wait(60)
        request.close()

    monkeypatch.setattr(health_server._HealthServer, "process_request", start)
    monkeypatch.setattr(health_server, "_STOPS_WITHIN_S", 0.2)
    with serve(Health(MetricSet(()).registry, unready=lambda: None), "127.0.0.1", 0, "PORT") as url:
        asked = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=30)
        assert hangs.wait(30)
        began = time.monotonic()
    assert time.monotonic() - began < 30
    asked.close()
    release.set()


def test_a_thread_that_cannot_start_keeps_no_other_from_its_answer(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost: list[Any] = []

    def no_memory(_target: Any, arguments: Any) -> int:
        lost.append(arguments)  # the thread is made, and ends before it has run
        monkeypatch.undo()
        return 0

    monkeypatch.setattr(_thread, "start_new_thread", no_memory)
    with socket.create_connection(address, timeout=30):
        eventually(lambda: lost != [], "the connection that nobody serves")
        eventually(lambda: live(address), "the next one is answered")
    lost[0][0].close()


def test_a_thread_that_is_refused_closes_its_connection(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_target: Any, _arguments: Any) -> int:
        monkeypatch.undo()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_thread, "start_new_thread", refused)
    with socket.create_connection(address, timeout=30) as asked:
        assert asked.recv(1) == b""
    assert live(address)
