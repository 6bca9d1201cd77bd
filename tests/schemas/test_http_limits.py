"""Limits of a web server, with raw sockets: heads, bodies, readers, connections, health beside all of it."""

import contextlib
import json
import re
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.waiting import eventually
from tests.support.limited_server import LONG_BYTES, LimitedServer, limited_server

GET = b"GET /echo HTTP/1.1\r\nhost: x\r\n"
POST = b"POST /echo HTTP/1.1\r\nhost: x\r\n"
QUICK: dict[str, Any] = {"head_s": 0.5, "body_s": 0.5, "stalled_s": 1.0}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitedServer]:
    """With the usual sizes, and short times."""
    with limited_server(tmp_path_factory.mktemp("server"), **QUICK) as made:
        yield made


@contextlib.contextmanager
def connected(server: LimitedServer) -> Iterator[socket.socket]:
    with socket.create_connection(server.address, timeout=30) as made:
        yield made


def answer(connection: socket.socket) -> bytes:
    """All that the server sends until it closes."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(1 << 16):
            parts.append(part)
    return b"".join(parts)


def status(raw: bytes) -> int:
    found = re.match(rb"HTTP/1\.1 (\d+) ", raw)
    return int(found[1]) if found else 0


def refused(server: LimitedServer, reason: str) -> float:
    return metric(server, f'plaudit_http_refused_total{{reason="{reason}"}}')


def metric(server: LimitedServer, name: str) -> float:
    with urllib.request.urlopen(server.health_url + "/metrics", timeout=30) as got:  # noqa: S310  # ours
        text = got.read().decode()
    return float(re.findall(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[0])


def live(server: LimitedServer) -> bool:
    with urllib.request.urlopen(server.health_url + "/health/live", timeout=10) as got:  # noqa: S310  # ours
        return bool(got.status == 200)


@pytest.mark.parametrize(
    "head",
    [
        GET + b"x: " + b"a" * (40 << 10) + b"\r\n\r\n",
        GET + b"".join(b"x%d: 1\r\n" % number for number in range(120)) + b"\r\n",
        b"GET /" + b"a" * (40 << 10) + b" HTTP/1.1\r\n\r\n",
        GET + b"".join(b"x%d: " % number + b"a" * 1000 + b"\r\n" for number in range(40)) + b"\r\n",
        b"\r\n" * (20 << 10),
        POST + b"transfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nx: " + b"a" * (600 << 10) + b"\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\n1;x=" + b"a" * (600 << 10) + b"\r\na\r\n0\r\n\r\n",
    ],
    ids=["one header", "many headers", "long path", "many long ones", "empty lines", "trailer", "extension"],
)
def test_a_large_head_is_answered_431(server: LimitedServer, head: bytes) -> None:
    before = refused(server, "large_headers")
    with connected(server) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(head)
        assert status(answer(connection)) == 431
    assert refused(server, "large_headers") == before + 1


def test_a_head_at_the_limits_is_served(server: LimitedServer) -> None:
    headers = b"".join(b"x%02d: " % number + b"a" * 300 + b"\r\n" for number in range(98))
    with connected(server) as connection:
        connection.sendall(GET + headers + b"connection: close\r\n\r\n")
        assert status(answer(connection)) == 200


@pytest.mark.parametrize(
    "body",
    [b"content-length: 2\r\n\r\nhi", b"transfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"],
    ids=["of known length", "in chunks"],
)
def test_a_body_is_never_lost_to_an_upgrade(server: LimitedServer, body: bytes) -> None:
    """Java's and curl's clients ask for HTTP/2 so; the parser took the body for HTTP/2 and threw it away."""
    asks = b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAA\r\n"
    with connected(server) as connection:
        connection.sendall(POST + asks + body)
        got = answer(connection)
    assert status(got) == 400
    assert b"HTTP/1.1 alone" in got
    with connected(server) as connection:
        connection.sendall(GET + asks + b"content-length: 0\r\n\r\n")
        assert status(connection.recv(1 << 16)) == 200


def test_300_mib_of_headers_are_not_held(server: LimitedServer) -> None:
    before = server.memory_bytes()
    with connected(server) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(GET + b"x: ")
        for _ in range(300):
            connection.sendall(b"a" * (1 << 20))
    assert server.memory_bytes() - before < 16 << 20
    assert live(server)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"G", "late_headers"),
        (GET, "late_headers"),
        (POST + b"content-length: 5\r\n\r\nab", "late_body"),
        (POST + b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n", "late_body"),
        (POST + b"content-length: 0\r\n\r\n" + GET, "late_headers"),
    ],
    ids=["one byte", "half a head", "half a body", "half a chunked body", "a second request"],
)
def test_what_comes_too_slowly_is_answered_408(server: LimitedServer, sent: bytes, reason: str) -> None:
    before = refused(server, reason)
    with connected(server) as connection:
        connection.sendall(sent)
        assert b"HTTP/1.1 408 " in answer(connection)
    assert refused(server, reason) == before + 1


def test_bytes_that_drip_in_do_not_give_more_time(server: LimitedServer) -> None:
    """A byte now and then kept a connection for ever, also after an answer (it ends the idle time)."""
    for start in (GET + b"x: ", GET + b"\r\n" + GET + b"x: "):
        with connected(server) as connection:
            connection.sendall(start)
            connection.settimeout(0.05)
            until, got = time.monotonic() + 20, b""
            while b" 408 " not in got and time.monotonic() < until:
                with contextlib.suppress(TimeoutError):
                    got += connection.recv(1 << 16)
                with contextlib.suppress(ConnectionError):
                    connection.send(b"a")
            assert b" 408 " in got


def test_a_silent_connection_is_closed_without_an_answer(server: LimitedServer) -> None:
    with connected(server) as connection:
        assert answer(connection) == b""


def test_an_answer_before_the_body_is_the_only_one(server: LimitedServer) -> None:
    with connected(server) as connection:
        connection.sendall(b"POST /early HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nab")
        got = answer(connection)
    assert status(got) == 413
    assert got.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "sent", [b"\x16\x03\x01\x02\x00\x01\n\r\n\r\n", b"HELLO\r\n\r\n"], ids=["tls", "nonsense"]
)
def test_what_is_no_http_is_answered_400(server: LimitedServer, sent: bytes) -> None:
    before = refused(server, "invalid")
    with connected(server) as connection:
        connection.sendall(sent)
        assert status(answer(connection)) == 400
    assert refused(server, "invalid") == before + 1


def test_requests_that_pile_up_on_a_connection_end_it(server: LimitedServer) -> None:
    before = refused(server, "pipelined")
    with connected(server) as connection:
        connection.sendall((GET + b"\r\n") * 2000)
        assert answer(connection).count(b"HTTP/1.1 200") <= 17
    assert refused(server, "pipelined") == before + 1
    with connected(server) as connection:
        connection.sendall((GET + b"\r\n") * 7 + GET + b"connection: close\r\n\r\n")
        assert answer(connection).count(b"HTTP/1.1 200") == 8


def test_a_reader_that_does_not_read_is_cut(server: LimitedServer) -> None:
    before = refused(server, "stalled_reader")
    with connected(server) as stalled:
        stalled.sendall(b"GET /long HTTP/1.1\r\nhost: x\r\n\r\n")
        eventually(lambda: refused(server, "stalled_reader") == before + 1, "the reader is cut")
        assert len(answer(stalled)) < LONG_BYTES
    eventually(lambda: metric(server, "plaudit_http_connections") <= 1, "nothing stays open")


@pytest.mark.slow
def test_a_slow_reader_gets_everything(tmp_path: Path) -> None:
    with limited_server(tmp_path, stalled_s=1.0) as server, connected(server) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        connection.sendall(b"GET /long HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        got, began = 0, time.monotonic()
        while part := connection.recv(1 << 16):
            got += len(part)
            time.sleep(0.012)  # what is tested: a reader that takes longer than the limit
        assert got > LONG_BYTES
        assert time.monotonic() - began > 1.0


def test_1200_half_open_connections_leave_room_for_others_and_health(tmp_path: Path) -> None:
    limits: dict[str, Any] = {"connections": 300, "address_connections": 200, "reserve": 32}
    with limited_server(tmp_path, **limits) as server, contextlib.ExitStack() as stack:
        for _ in range(1200):
            half = stack.enter_context(socket.create_connection(server.address, timeout=30))
            half.sendall(b"GET /echo HTTP/1.1\r\nx: ")
        eventually(lambda: live(server), "health answers")
        assert metric(server, "plaudit_http_connections") <= 200 + 32
        with connected(server) as connection:
            connection.sendall(POST + b"content-length: 2\r\n\r\nab")
            got = answer(connection)
        assert status(got) == 429
        body = json.loads(got.partition(b"\r\n\r\n")[2])
        assert (body["status"], b"retry-after: 1" in got) == (429, True)
        # Another address has its own places.
        with socket.create_connection(server.address, timeout=30, source_address=("127.0.0.2", 0)) as other:
            other.sendall(GET + b"connection: close\r\n\r\n")
            assert status(answer(other)) == 200
        assert refused(server, "address_connections") >= 900


@pytest.mark.slow
@pytest.mark.parametrize("health_port", [None, 0], ids=["on the reserve", "on its own port"])
def test_all_places_are_for_all_and_a_trusted_proxy_may_have_many(
    tmp_path: Path, health_port: int | None
) -> None:
    limits = {"connections": 30, "address_connections": 5, "reserve": 4}
    with (
        limited_server(tmp_path, proxies="127.0.0.0/8", health_port=health_port, **limits) as server,
        contextlib.ExitStack() as stack,
    ):
        opened = [stack.enter_context(connected(server)) for _ in range(30)]
        for each in opened:
            each.sendall(GET + b"\r\n")
            assert status(each.recv(1 << 16)) == 200
        with connected(server) as connection:
            connection.sendall(GET + b"\r\n")
            assert status(answer(connection)) == 503
        assert live(server)
        assert refused(server, "connections") == 1
        opened[0].close()
        eventually(lambda: _served(server), "a place that was given back is given again")


@pytest.mark.slow
def test_a_server_that_may_open_few_files_takes_fewer_connections(tmp_path: Path) -> None:
    """Else it could accept nobody, nor answer health."""
    limits: dict[str, Any] = {"connections": 1000, "address_connections": 1000, "reserve": 4}
    with limited_server(tmp_path, files=300, **limits) as server, contextlib.ExitStack() as stack:
        for _ in range(320):
            stack.enter_context(connected(server)).sendall(b"G")
        eventually(lambda: live(server), "health answers")
        assert metric(server, "plaudit_http_connections") == 300 - 200
        with connected(server) as connection:
            connection.sendall(GET + b"\r\n")
            assert status(answer(connection)) == 503
        assert "raise `ulimit -n`" in (tmp_path / "server.log").read_text()


def _served(server: LimitedServer) -> bool:
    with connected(server) as connection:
        connection.sendall(GET + b"connection: close\r\n\r\n")
        return status(answer(connection)) == 200
