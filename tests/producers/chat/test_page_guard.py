"""What stands before the page: which requests it lets in, and what it adds to answers."""

import asyncio
from typing import Any

import httpx
import pytest
from plaudit_producers.chat.page.guard import PageGuard
from plaudit_producers.chat.visitor_cookies import VISITOR_COOKIE, VisitorCookies
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Message, Receive, Scope, Send

COOKIES = VisitorCookies(b"0123456789abcdef")


async def _app(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(f"{len(body)} bytes")(scope, receive, send)


def ask(method: str, path: str, **given: Any) -> httpx.Response:
    """One request of a browser that is on the page."""
    return asyncio.run(_ask(method, path, given))


async def _ask(method: str, path: str, given: dict[str, Any]) -> httpx.Response:
    scheme = given.pop("scheme", "http")
    headers = {"sec-fetch-site": "same-origin", **given.pop("headers", {})}
    transport = httpx.ASGITransport(PageGuard(_app, lambda: COOKIES, lambda: False))
    async with httpx.AsyncClient(transport=transport, base_url=f"{scheme}://chat.test") as client:
        return await client.request(method, path, headers=headers, **given)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/gradio_api/file=/etc/passwd"),
        ("GET", "/gradio_api/proxy=http://example.com"),
        ("GET", "/file=/etc/passwd"),
        ("POST", "/gradio_api/upload"),
        ("POST", "/gradio_api/run/predict"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/"),
        ("DELETE", "/signals"),
        ("GET", "/monitoring"),
        ("GET", "/gradio_api/queue/join"),
    ],
    ids=lambda part: part.replace("/", "-"),
)
def test_what_the_page_does_not_need_is_not_there(method: str, path: str) -> None:
    assert ask(method, path).status_code == 404


def test_the_page_and_its_actions_are_let_in() -> None:
    for path in ("/", "/assets/a.js", "/health/ready", "/metrics", "/gradio_api/queue/data", "/chat.js"):
        assert ask("GET", path).status_code == 200, path
    for path in ("/signals", "/gradio_api/queue/join"):
        assert ask("POST", path, content=b"{}").status_code == 200, path


def test_another_site_may_not_act() -> None:
    refused = ask("POST", "/gradio_api/queue/join", headers={"sec-fetch-site": "cross-site"})
    assert refused.status_code == 403


def test_large_requests_are_refused() -> None:
    assert ask("POST", "/signals", content=b"x" * (9 << 20)).status_code == 413


def test_a_visitor_gets_one_cookie() -> None:
    first = ask("GET", "/")
    given = first.headers["set-cookie"]
    assert "HttpOnly; SameSite=Lax" in given
    assert "Secure" not in given
    assert first.headers["cache-control"] == "no-store"
    value = given.partition(";")[0].partition("=")[2]
    assert COOKIES.visitor_of(value) is not None
    again = ask("GET", "/", headers={"cookie": f"{VISITOR_COOKIE}={value}"})
    assert "set-cookie" not in again.headers
    other = "1" if value.endswith("0") else "0"
    forged = ask("GET", "/", headers={"cookie": f"{VISITOR_COOKIE}={value[:-1]}{other}"})
    assert "set-cookie" in forged.headers
    assert "set-cookie" not in ask("GET", "/chat.js").headers
    assert "; Secure" in ask("GET", "/", scheme="https").headers["set-cookie"]


def test_browsers_ask_no_other_host() -> None:
    policy = ask("GET", "/").headers["content-security-policy"]
    sources = {source for rule in policy.split(";") for source in rule.split()[1:]}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "'unsafe-eval'", "data:", "blob:"}
    assert policy.startswith("default-src 'none'")


def test_a_stream_ends_when_the_server_stops() -> None:
    stopping = False
    closed: list[str] = []

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal stopping
        try:
            stopping = True
            await asyncio.Event().wait()
        finally:
            closed.append(scope["path"])

    async def ask_once() -> None:
        guard = PageGuard(endless, lambda: COOKIES, lambda: stopping)
        scope = {"type": "http", "method": "GET", "path": "/gradio_api/heartbeat/x", "headers": []}
        async with asyncio.timeout(60):
            await guard(scope, _nothing, _ignore)

    asyncio.run(ask_once())
    assert closed == ["/gradio_api/heartbeat/x"]


async def _nothing() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def _ignore(message: Message) -> None:
    """Sends nothing."""
