"""The console in one process: sign-in, sessions, who sees which page, what protects them."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from plaudit_consumers.dashboard.definition import PAGE as DASHBOARD
from plaudit_infra import installed
from plaudit_infra.console.access import ConsoleAccess
from plaudit_infra.console.accounts import Accounts
from plaudit_infra.console.app import create_app
from plaudit_infra.console.pages import console_pages
from plaudit_infra.console.refusals import RefusalCounter
from plaudit_infra.console.run import CONSOLE_METRICS
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_books import KeyBook
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_producers.gateway.errors import KeyStoreError
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.console import ConsolePage, PageParts, user_of
from plaudit_schemas.service.health import Health
from plaudit_schemas.service.metrics import MetricSet
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

HTML = {"accept": "text/html"}
Make = Callable[..., TestClient]


def _page(name: str, role: str) -> tuple[ConsolePage, PageParts]:
    """A page whose route `/who` tells whose request it is."""

    async def who(request: Request) -> JSONResponse:
        user = user_of(request.scope)
        return JSONResponse([user.name, user.application, sorted(user.roles)])

    async def close() -> None:
        pass

    page = ConsolePage(
        name, name.title(), 10, "plaudit_consumers.dashboard", (), frozenset((role,)), lambda *_: parts
    )
    parts = PageParts([Route("/who", who, methods=["GET", "POST"])], close)
    return page, parts


@pytest.fixture
def store(tmp_path: Path) -> FileKeyStore:
    made = FileKeyStore(tmp_path / "keys.json")
    made.write(KeyBook({}))
    return made


@pytest.fixture
def console(store: FileKeyStore) -> Make:
    """Makes consoles with a page for readers and one for reviewers, and a client that follows no redirect."""

    def make(*, base_url: str = "http://console.test") -> TestClient:
        access = ConsoleAccess(Accounts(KnownKeys(store), clock=_always_later()), session_s=600)
        health = Health(CollectorRegistry(), unready=lambda: None)
        pages = [_page("figures", "reader"), _page("review", "reviewer")]
        app = create_app(pages, access, health, lambda: False)
        return TestClient(app, base_url=base_url, follow_redirects=False)

    return make


def _always_later() -> Callable[[], float]:
    """A clock on which the keys are always old enough to be read again."""
    times = iter(range(0, 1_000_000, 10))
    return lambda: float(next(times))


def _key(store: FileKeyStore, role: str, name: str = "ada") -> str:
    made = make_key("shop", frozenset((role,)), name=name)  # type: ignore[arg-type]  # a role
    store.add(made.key)
    return made.secret


def _sign_in(client: TestClient, secret: str, **headers: str) -> int:
    named = {"sec-fetch-site": "same-origin", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return client.post("/sign-in", data={"key": secret, "next": "/figures"}, headers=named).status_code


def test_without_a_session_a_page_leads_to_the_sign_in_and_a_script_is_told(console: Make) -> None:
    client = console()
    led = client.get("/figures", headers=HTML)
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=/figures")
    assert client.get("/figures/who").status_code == 401
    assert client.get("/nowhere").status_code == 401
    assert 'name="next" value="/figures"' in client.get(led.headers["location"]).text


def test_a_shared_link_leads_back_to_what_it_shows(console: Make, store: FileKeyStore) -> None:
    client, secret = console(), _key(store, "admin")
    link = "/figures?show=a%26b%22%2Fc&at=12"
    led = client.get(link, headers=HTML).headers["location"]
    shown = client.get(led).text
    assert 'name="next" value="/figures?show=a%26b%22%2Fc&amp;at=12"' in shown
    headers = {"sec-fetch-site": "same-origin"}
    answer = client.post("/sign-in", data={"key": secret, "next": link}, headers=headers)
    assert answer.headers["location"] == link


def test_a_key_signs_in_and_its_user_is_known_to_the_pages(console: Make, store: FileKeyStore) -> None:
    client, secret = console(), _key(store, "admin")
    assert _sign_in(client, secret) == 303
    assert client.get("/figures/who").json() == ["ada", "shop", ["admin"]]
    assert client.get("/").headers["location"] == "/figures"
    shown = client.get("/figures").text
    assert ">ada</bdi>" in shown
    assert '<a href="/figures" aria-current="page">Figures</a>' in shown
    assert '<a href="/review">Review</a>' in shown
    assert secret not in shown


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(console: Make, store: FileKeyStore) -> None:
    plain, secret = console(), _key(store, "reader")
    assert _sign_in(plain, secret) == 303
    answer = plain.post("/sign-in", data={"key": secret}, headers={"sec-fetch-site": "same-origin"})
    cookie = answer.headers["set-cookie"].lower()
    for part in ("plaudit_session=", "httponly", "samesite=lax", "max-age=600", "path=/"):
        assert part in cookie
    assert "secure" not in cookie
    secured = console(base_url="https://console.test")
    answer = secured.post("/sign-in", data={"key": secret}, headers={"sec-fetch-site": "same-origin"})
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("__host-plaudit_session=")
    assert "secure" in cookie
    assert secured.get("/figures/who").status_code == 200


@pytest.mark.parametrize(
    "secret",
    ["", "nonsense", "plk_abcdefghjk_wrong", "\u05d0 \u202e"],
    ids=["empty", "nonsense", "unknown key", "right to left"],
)
def test_what_is_no_key_signs_nobody_in(console: Make, store: FileKeyStore, secret: str) -> None:
    client = console()
    _key(store, "reader")
    answer = client.post("/sign-in", data={"key": secret}, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "not a valid API key" in answer.text


def test_a_key_that_was_just_made_signs_in(store: FileKeyStore) -> None:
    accounts = Accounts(KnownKeys(store), clock=lambda: 0.0)

    async def run() -> list[bool]:
        found = [await accounts.find_by_secret("plk_abcdefghjk_x") is not None]
        return [*found, await accounts.find_by_secret(_key(store, "reader")) is not None]

    assert asyncio.run(run()) == [False, True]


def test_a_revoked_key_ends_its_sessions(console: Make, store: FileKeyStore) -> None:
    client = console()
    assert _sign_in(client, _key(store, "reader")) == 303
    assert client.get("/figures/who").status_code == 200
    (key_id,) = store.load()
    store.revoke(key_id)
    assert client.get("/figures/who").status_code == 401


def test_signing_out_ends_the_session_and_not_only_the_cookie(console: Make, store: FileKeyStore) -> None:
    client = console()
    assert _sign_in(client, _key(store, "reader")) == 303
    stolen = dict(client.cookies)
    assert client.post("/sign-out", headers={"sec-fetch-site": "same-origin"}).status_code == 303
    assert client.get("/figures/who").status_code == 401
    client.cookies.update(stolen)
    assert client.get("/figures/who").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://console.test"},
        {"origin": "http://elsewhere.test"},
        {"origin": "null"},
        {},
    ],
    ids=["cross-site", "sibling site", "another scheme", "another host", "opaque origin", "neither header"],
)
def test_another_site_cannot_act_for_who_is_signed_in(
    console: Make, store: FileKeyStore, headers: dict[str, str]
) -> None:
    client = console()
    assert _sign_in(client, _key(store, "reader")) == 303
    assert client.post("/figures/who", headers=headers).status_code == 403
    assert client.post("/sign-out", headers=headers).status_code == 403
    assert client.get("/figures/who").status_code == 200, "they are still signed in"
    allowed = {"origin": "http://console.test"}
    assert client.post("/figures/who", headers=allowed).status_code == 200


def test_a_page_is_for_those_with_its_role(console: Make, store: FileKeyStore) -> None:
    client = console()
    assert _sign_in(client, _key(store, "reader")) == 303
    refused = client.get("/review")
    assert refused.status_code == 403
    assert "role reviewer" in refused.json()["detail"]
    assert client.get("/review/who").status_code == 403
    assert "/review" not in client.get("/figures").text
    assert "requires a key with the role reviewer" in client.get("/review", headers=HTML).text


def test_a_key_without_a_page_is_told_so(console: Make, store: FileKeyStore) -> None:
    client = console()
    assert _sign_in(client, _key(store, "producer")) == 303
    told = client.get("/", headers=HTML)
    assert told.status_code == 403
    assert "pages for the roles reader, reviewer" in told.text
    assert "Sign out" in told.text


@pytest.mark.parametrize("path", ["/sign-in", "/figures", "/static/console.css", "/health/live", "/nowhere"])
def test_every_answer_is_protected(console: Make, path: str) -> None:
    headers = console().get(path, headers=HTML).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize(
    "path",
    ["//elsewhere.test", "https://elsewhere.test", "/\\elsewhere.test", "/a\nb"],
    ids=["no scheme", "with a scheme", "backslash", "line break"],
)
def test_nobody_is_led_to_another_site(console: Make, store: FileKeyStore, path: str) -> None:
    client, secret = console(), _key(store, "reader")
    data = {"key": secret, "next": path}
    answer = client.post("/sign-in", data=data, headers={"sec-fetch-site": "same-origin"})
    assert answer.headers["location"] == "/"


def test_names_are_text(console: Make, store: FileKeyStore) -> None:
    client = console()
    assert _sign_in(client, _key(store, "reader", name="<script>alert(1)</script>")) == 303
    assert "<script>alert" not in client.get("/figures").text


def test_a_key_store_that_cannot_be_read_is_no_open_door(
    console: Make, store: FileKeyStore, tmp_path: Path
) -> None:
    (tmp_path / "keys.json").write_text("no JSON")
    client = console()
    assert _sign_in(client, "plk_abcdefghjk_x") == 503
    assert client.get("/figures/who").status_code == 401


def test_who_was_known_stays_known_while_the_keys_cannot_be_read(
    console: Make, store: FileKeyStore, tmp_path: Path
) -> None:
    client, secret = console(), _key(store, "reader")
    assert _sign_in(client, secret) == 303
    (tmp_path / "keys.json").unlink()
    assert client.get("/figures/who").status_code == 200
    assert _sign_in(client, secret) == 303
    assert _sign_in(client, "plk_abcdefghjk_x") == 503, "it may be a key that was made since"


def test_people_wait_for_a_store_that_is_away_once_in_a_while_and_not_each(tmp_path: Path) -> None:
    read, now = [0], [0.0]

    class SlowStore(FileKeyStore):
        def read(self) -> KeyBook:
            read[0] += 1
            raise KeyStoreError("it is away")

    accounts = Accounts(KnownKeys(SlowStore(tmp_path)), clock=lambda: now[0])

    async def ask(count: int) -> None:
        found = await asyncio.gather(*(accounts.find("k") for _ in range(count)), return_exceptions=True)
        assert all(isinstance(each, KeyStoreError) for each in found)

    async def run() -> list[int]:
        await ask(5)
        now[0] += 10
        await ask(5)
        soon = read[0]
        now[0] += 10
        await ask(5)
        return [soon, read[0]]

    assert asyncio.run(run()) == [1, 2]


def test_refusals_are_counted_from_the_first(console: Make, store: FileKeyStore) -> None:
    metrics = MetricSet(CONSOLE_METRICS)
    counted = RefusalCounter(console().app, metrics)
    client = TestClient(counted, base_url="http://console.test", follow_redirects=False)

    def refused(reason: str) -> float | None:
        return metrics.registry.get_sample_value("plaudit_console_refused_total", {"reason": reason})

    assert (refused("sign_in"), refused("forbidden")) == (0, 0)
    assert _sign_in(client, "plk_abcdefghjk_x") == 401
    assert client.get("/figures/who").status_code == 401
    assert (refused("sign_in"), refused("forbidden")) == (1, 0)
    assert _sign_in(client, _key(store, "reader")) == 303
    assert client.get("/review").status_code == 403
    assert (refused("sign_in"), refused("forbidden")) == (1, 1)
    assert client.get("/sign-in/link?token=guess").status_code == 401
    assert (refused("sign_in"), refused("forbidden")) == (2, 1)


def test_the_dashboard_is_a_page_and_two_pages_have_two_names(monkeypatch: pytest.MonkeyPatch) -> None:
    assert DASHBOARD in console_pages()

    class Point:
        @staticmethod
        def load() -> ConsolePage:
            return DASHBOARD

    monkeypatch.setattr(installed, "entry_points", lambda **_: [Point, Point])
    with pytest.raises(SettingsError, match="'dashboard'"):
        console_pages()
