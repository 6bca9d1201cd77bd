"""The ASGI middleware: a request's conversation, and the visitor's cookie."""

import asyncio
from typing import Any

import httpx
import plaudit_producers as plaudit
import pytest
from plaudit_producers.integrations import asgi, producers
from plaudit_producers.integrations.asgi import PlauditMiddleware
from plaudit_producers.integrations.guard import swallowed_errors
from plaudit_producers.integrations.visits import may_set_cookie
from plaudit_schemas.errors import SettingsError

from tests.support.asgi_visits import HEADER, ULID, application, client, cookie_header, never, request


@pytest.mark.parametrize("path", ["/where", "/where_in_a_thread", "/stream"])
def test_a_visitor_keeps_a_conversation_and_two_visitors_have_two(path: str) -> None:
    one, other = client(), client()
    first = one.get(path).json()["id"]
    assert one.get(path).json()["id"] == first == one.cookies["plaudit_conversation"]
    assert other.get(path).json()["id"] != first
    assert "set-cookie" not in one.get(path).headers


def test_the_header_goes_before_the_cookie() -> None:
    one = client()
    one.get("/where")
    answered = one.get("/where", headers={HEADER.encode(): "order-17/ü".encode()})
    assert answered.json()["id"] == "order-17/ü"
    assert "set-cookie" not in answered.headers


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"x" * 129, id="too long"),
        pytest.param(b"", id="empty"),
        pytest.param(b"  ", id="blank"),
        pytest.param(b"\xff\xfe", id="not utf-8"),
        pytest.param("a\u202eb".encode(), id="a character that turns text around"),
        pytest.param(b"a\x01b", id="control character"),
    ],
)
def test_a_header_that_is_no_id_is_left_out_of_account(value: bytes) -> None:
    one = client()
    kept = one.get("/where").json()["id"]
    sent = asyncio.run(request(application(), [(HEADER.encode(), value), cookie_header(kept)]))
    assert sent["json"]["id"] == kept


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"plaudit_conversation=order-17", id="an id of the visitor's own"),
        pytest.param(b"plaudit_conversation=", id="empty"),
        pytest.param(b"plaudit_conversation=" + b"x" * 10_000, id="long"),
        pytest.param(b"\xff\xfe;;;=;plaudit_conversation", id="garbage"),
        pytest.param(b"other=" + ULID.encode(), id="another cookie"),
    ],
)
def test_a_cookie_that_we_did_not_make_is_replaced(value: bytes) -> None:
    sent = asyncio.run(request(application(), [(b"cookie", value)]))
    assert sent["json"]["id"] not in ("order-17", "", ULID)
    assert b"set-cookie" in sent["headers"]


def test_without_a_cookie_each_request_without_a_header_is_a_conversation() -> None:
    one = client(cookie=None)
    assert len({one.get("/where").json()["id"] for _ in range(3)}) == 3
    assert not one.cookies
    assert one.get("/where", headers={HEADER: "c1"}).json()["id"] == "c1"


def test_without_a_header_a_visitor_cannot_name_a_conversation() -> None:
    assert client(header=None).get("/where", headers={HEADER: "c1"}).json()["id"] != "c1"


@pytest.mark.parametrize(
    ("base", "options", "secure"),
    [
        pytest.param("http://testserver", {}, False, id="http"),
        pytest.param("https://testserver", {}, True, id="https"),
        pytest.param("http://testserver", {"secure": True}, True, id="behind a proxy"),
    ],
)
def test_scripts_and_other_sites_do_not_get_the_cookie(base: str, options: Any, secure: bool) -> None:
    header = client(base=base, **options).get("/where").headers["set-cookie"]
    assert "HttpOnly; SameSite=Lax" in header
    assert "Path=/" in header
    assert ("Secure" in header) is secure


def test_what_a_cache_gives_to_others_brings_no_cookie() -> None:
    assert "set-cookie" not in client().get("/picture").headers
    kind = (b"Content-Type", b"text/html")
    assert may_set_cookie("GET", [kind, (b"Cache-Control", b"no-store")])
    assert not may_set_cookie("GET", [kind, (b"Cache-Control", b"public, max-age=60")])
    assert not may_set_cookie("POST", [kind, (b"cache-control", b"s-maxage=60")])
    assert may_set_cookie("POST", [(b"content-type", b"image/png")])


@pytest.mark.parametrize(
    "named",
    [
        pytest.param({"header": "x id"}, id="header with a space"),
        pytest.param({"header": "é"}, id="header with an accent"),
        pytest.param({"cookie": "a=b"}, id="cookie with a value"),
        pytest.param({"cookie": ""}, id="empty"),
    ],
)
def test_a_name_that_no_header_or_cookie_can_have_is_refused(named: Any) -> None:
    with pytest.raises(SettingsError, match="is no name of a header or cookie"):
        application(**named)


def test_a_websocket_has_its_conversation() -> None:
    one = client()
    with one.websocket_connect("/talk") as socket:
        first = socket.receive_json()["id"]
        sent: Any = socket.extra_headers
        assert cookie_header(first)[1] in dict(sent)[b"set-cookie"]
    with one.websocket_connect("/talk", headers={HEADER: "c1"}) as socket:
        assert socket.receive_json()["id"] == "c1"


def test_the_answers_message_is_in_a_header() -> None:
    assert client().get("/answer").headers["plaudit-message-id"] == "pm-1@c1"
    assert "plaudit-message-id" not in client().get("/where").headers


def broken(_scope: Any) -> str:
    raise RuntimeError


async def looked_up(_scope: Any) -> str:
    await asyncio.sleep(0)
    return "u-1"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        pytest.param(lambda scope: scope["path"], "/where", id="a text"),
        pytest.param(lambda _: 7, "7", id="a number"),
        pytest.param(lambda _: None, None, id="nobody"),
        pytest.param(lambda _: "", None, id="an empty text"),
        pytest.param(looked_up, "u-1", id="an async function"),
        pytest.param(broken, None, id="a function that raises"),
    ],
)
def test_the_application_says_who_the_user_is(user: Any, expected: str | None) -> None:
    assert client(user=user).get("/where").json()["user"] == expected


def test_the_hosts_exceptions_are_its_own_and_the_context_is_left() -> None:
    with pytest.raises(ZeroDivisionError):
        client().get("/fail")
    assert plaudit.current_conversation() is None


@pytest.mark.parametrize("name", ["visit_of", "may_set_cookie"])
def test_a_fault_of_ours_does_not_reach_the_host(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = sum(swallowed_errors().values())
    monkeypatch.setattr(asgi, name, broken)
    assert client().get("/where").status_code == 200
    assert sum(swallowed_errors().values()) == before + 1


def test_other_scopes_pass() -> None:
    seen: list[str] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])
        assert plaudit.current_conversation() is None

    asyncio.run(PlauditMiddleware(app)({"type": "lifespan"}, never, never))
    assert seen == ["lifespan"]


@pytest.mark.parametrize("fault", [None, RuntimeError], ids=["whole", "broken"])
def test_at_the_end_of_the_application_what_was_recorded_is_sent(
    monkeypatch: pytest.MonkeyPatch, fault: type[Exception] | None
) -> None:
    told: list[str] = []

    class Shared:
        def flush(self, _timeout: float) -> None:
            told.append("flushed")
            if fault is not None:
                raise fault

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        for step in ("startup", "shutdown"):
            await send({"type": f"lifespan.{step}.complete"})

    async def send(message: Any) -> None:
        told.append(message["type"])

    monkeypatch.setattr(producers, "_shared", Shared())
    asyncio.run(PlauditMiddleware(app)({"type": "lifespan"}, never, send))
    assert told == ["lifespan.startup.complete", "flushed", "lifespan.shutdown.complete"]


def test_httpx_is_served_like_a_browser() -> None:
    async def visit() -> str:
        transport = httpx.ASGITransport(application())
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as one:
            return str((await one.get("/where", headers={HEADER: "c1"})).json()["id"])

    assert asyncio.run(visit()) == "c1"
