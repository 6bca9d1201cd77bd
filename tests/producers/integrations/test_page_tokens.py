"""Browser tokens: for the conversation of the visitor's cookie only, or for what the application names."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from plaudit_producers.integrations.page_tokens import PageTokens, TokenUnavailableError
from plaudit_producers.integrations.visitor_cookie import conversation_of_cookie, cookie_value
from plaudit_schemas.errors import SettingsError

from tests.support.asgi_visits import HEADER, ULID, application, client, request


class GatewayStub(BaseHTTPRequestHandler):
    """Answers as the gateway does, or as the test says."""

    status, headers_sent, body = 200, {}, b""  # type: ignore[var-annotated]
    asked: list[dict[str, Any]] = []  # noqa: RUF012  # of the class on purpose

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        wanted = json.loads(self.rfile.read(length))
        type(self).asked.append({**wanted, "key": self.headers["Authorization"], "path": self.path})
        made = {"token": "t", "conversation_id": wanted["conversation_id"], "expires_at": 9}
        self.send_response(self.status)
        for name, value in self.headers_sent.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body or json.dumps(made).encode())

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def gateway_stub(status: int = 200, body: bytes = b"", **headers: str) -> Iterator[tuple[str, list[Any]]]:
    asked: list[Any] = []
    handler = type(
        "Handler", (GatewayStub,), {"status": status, "body": body, "headers_sent": headers, "asked": asked}
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_page_gets_a_token_for_its_visitors_conversation() -> None:
    with gateway_stub() as (url, asked):
        one = client(tokens=PageTokens(url + "/", " key\n"), user=lambda _: "u-1")
        first = one.get("/where").json()["id"]
        made = one.post("/plaudit/token")
        assert made.json() == {"token": "t", "conversation_id": first, "expires_at": 9}
        assert made.headers["cache-control"] == "no-store"
        assert asked == [
            {"conversation_id": first, "user_id": "u-1", "key": "Bearer key", "path": "/v1/tokens"}
        ]


def test_the_first_request_of_a_visitor_may_be_for_the_token() -> None:
    with gateway_stub() as (url, _):
        one = client(tokens=PageTokens(url, "key"))
        made = one.post("/plaudit/token").json()["conversation_id"]
        assert one.get("/where").json()["id"] == made


def test_a_visitor_can_begin_anew() -> None:
    with gateway_stub() as (url, _):
        one = client(tokens=PageTokens(url, "key"))
        first = one.get("/where").json()["id"]
        second = one.post("/plaudit/token?new=1").json()["conversation_id"]
        assert second == one.get("/where").json()["id"] != first


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([(HEADER.encode(), b"c1")], id="header"),
        pytest.param([(b"cookie", b"plaudit_conversation=" + ULID.encode())], id="unsigned cookie"),
        pytest.param(
            [(b"cookie", f"plaudit_conversation={cookie_value(ULID, b'other key')}".encode())],
            id="cookie of another key",
        ),
    ],
)
def test_nobody_gets_a_token_for_a_conversation_of_somebody_else(headers: Any) -> None:
    with gateway_stub() as (url, asked):
        app = application(tokens=PageTokens(url, "key"))
        asyncio.run(request(app, headers, method="POST", path="/plaudit/token"))
        assert asked[0]["conversation_id"] not in ("c1", ULID)


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_only_a_post_gets_a_token(method: str) -> None:
    with gateway_stub() as (url, asked):
        assert client(tokens=PageTokens(url, "key")).request(method, "/plaudit/token").status_code == 404
        assert asked == []


def test_another_path_and_a_mounted_application() -> None:
    with gateway_stub() as (url, asked):
        app = application(tokens=PageTokens(url, "key", path="/t"))
        for path in ("/t", "/shop/t"):
            sent = asyncio.run(request(app, [], method="POST", path=path, root=path[:-2]))
            assert sent["status"] == 200
            assert f"Path={path[:-2] or '/'};".encode() in sent["headers"][b"set-cookie"]
        assert len(asked) == 2


@pytest.mark.parametrize(
    ("status", "headers", "body", "retry"),
    [
        pytest.param(429, {"Retry-After": "7"}, b"", "7", id="over a limit"),
        pytest.param(503, {"Retry-After": "soon"}, b"", "2", id="gateway waits for Redis"),
        pytest.param(401, {}, b"", "10", id="revoked key"),
        pytest.param(403, {}, b"", "10", id="key without the role"),
        pytest.param(200, {}, b"<html>", "2", id="not the gateway"),
    ],
)
def test_without_a_token_the_page_is_told_to_ask_again(
    status: int, headers: dict[str, str], body: bytes, retry: str, caplog: pytest.LogCaptureFixture
) -> None:
    with gateway_stub(status, body, **headers) as (url, _):
        made = client(tokens=PageTokens(url, "secret-key")).post("/plaudit/token")
    assert (made.status_code, made.headers["retry-after"]) == (503, retry)
    assert "secret-key" not in made.text + caplog.text


def test_a_gateway_that_is_away() -> None:
    tokens = PageTokens("http://127.0.0.1:1", "key")
    assert client(tokens=tokens).post("/plaudit/token").status_code == 503
    with pytest.raises(TokenUnavailableError, match="gives no token"):
        tokens.fetch("c1")


@pytest.mark.parametrize(
    ("status", "advice"),
    [(401, "valid API key"), (403, "role producer"), (404, "the gateway's"), (422, "what is asked for")],
)
def test_a_refusal_says_what_to_mend(status: int, advice: str) -> None:
    with gateway_stub(status) as (url, _), pytest.raises(SettingsError, match=advice):
        PageTokens(url, "key").fetch("c1")


def test_the_application_may_ask_for_a_token_itself() -> None:
    with gateway_stub() as (url, asked):
        tokens = PageTokens(url, "key", grants=["consent"], lifetime_s=9)
        made = tokens.fetch("order-17", "u-1", read=True, lifetime_s=60)
    assert made["conversation_id"] == "order-17"
    assert (asked[0]["read"], asked[0]["lifetime_s"]) == (True, 60)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param(("gateway:8080", "k"), "must begin with http", id="no scheme"),
        pytest.param(("file:///etc/passwd", "k"), "must begin with http", id="a file"),
        pytest.param(("http://", "k"), "and a host", id="no host"),
        pytest.param(("http://gateway:http", "k"), "and a host", id="no port"),
        pytest.param(("http://[gateway", "k"), "and a host", id="half an address"),
        pytest.param(("http://gateway", "k\u00e9y"), "need an API key", id="a key with an accent"),
        pytest.param(("http://gateway", " "), "need an API key", id="no key"),
        pytest.param(("http://gateway", "k", "token"), "begins with a slash", id="a relative path"),
    ],
)
def test_wrong_tokens_are_refused_at_the_start(arguments: Any, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem):
        PageTokens(*arguments)


def test_tokens_need_a_cookie_and_hide_their_key() -> None:
    tokens = PageTokens("http://gateway", "secret-key")
    with pytest.raises(SettingsError, match="need the visitor's cookie"):
        application(tokens=tokens, cookie=None)
    assert "secret-key" not in repr(tokens)


def test_a_signed_cookie_is_good_for_its_own_secret_only() -> None:
    value = cookie_value(ULID, b"one")
    assert conversation_of_cookie(value, b"one") == ULID
    for secret in (b"two", None):
        assert conversation_of_cookie(value, secret) is None
    assert conversation_of_cookie(value[:-1] + "é", b"one") is None
