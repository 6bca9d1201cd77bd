"""One-time links: whom they sign in, once, for how long, and where there are none."""

import stat
from argparse import Namespace
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.console.access import ConsoleAccess
from plaudit_infra.console.accounts import Accounts
from plaudit_infra.console.app import create_app
from plaudit_infra.console.links import SignInLinks
from plaudit_infra.console.run import run_console
from plaudit_infra.console.settings import ConsoleSettings
from plaudit_infra.main import main
from plaudit_producers.gateway.access.api_keys import make_key
from plaudit_producers.gateway.access.key_books import KeyBook
from plaudit_producers.gateway.access.key_stores import FileKeyStore
from plaudit_producers.gateway.access.known_keys import KnownKeys
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.service.console import ConsolePage, PageParts, user_of
from plaudit_schemas.service.health import Health
from plaudit_schemas.settings import load
from plaudit_schemas.settings.connection import ConnectionSettings
from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

URL = "http://127.0.0.1:8090"


class Opened:
    """A console with links, the time on its clock, and its keys."""

    def __init__(self, folder: Path, key_id: str | None = None) -> None:
        self.now, self.file = 0.0, folder / "console-link"
        self.keys = FileKeyStore(folder / "keys.json")
        self.keys.write(KeyBook({}))
        self.links = SignInLinks(URL, self.file, key_id, clock=lambda: self.now)
        times = count(0.0, 10.0)  # on which the keys are always old enough to be read again
        access = ConsoleAccess(
            Accounts(KnownKeys(self.keys), lambda: next(times)), session_s=600, links=self.links
        )
        health = Health(CollectorRegistry(), unready=lambda: None)
        self.app = create_app([_page()], access, health, lambda: False)

    def client(self, base_url: str = URL) -> TestClient:
        """A browser that has not signed in."""
        return TestClient(self.app, base_url=base_url, follow_redirects=False)


def _page() -> tuple[ConsolePage, PageParts]:
    async def who(request: Request) -> JSONResponse:
        user = user_of(request.scope)
        return JSONResponse([user.name, user.application, sorted(user.roles)])

    async def close() -> None:
        pass

    parts = PageParts([Route("/who", who)], close)
    given: tuple[Any, ...] = ("plaudit_consumers.dashboard", (), frozenset(("reader",)), lambda *_: parts)
    return ConsolePage("figures", "Figures", 10, *given), parts


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    return Opened(tmp_path)


def test_a_link_signs_in_once_to_the_figures(opened: Opened) -> None:
    link, client = opened.links.link, opened.client()
    assert opened.file.read_text().strip() == link
    assert stat.S_IMODE(opened.file.stat().st_mode) == 0o600
    assert client.get("/figures/who").status_code == 401
    answer = client.get(link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert "httponly" in answer.headers["set-cookie"].lower()
    assert client.get("/figures/who").json() == ["", None, []]
    other = opened.client()
    assert other.get(link).status_code == 401
    assert "used already or is too old" in other.get(link).text
    assert other.get("/figures/who").status_code == 401
    assert other.get(opened.file.read_text().strip()).status_code == 303, "there is a new one"


def test_a_link_may_stand_for_a_key_and_ends_with_it(tmp_path: Path) -> None:
    made = make_key("demo", frozenset(("admin",)), name="demo")
    opened = Opened(tmp_path, made.key.id)
    opened.keys.add(made.key)
    client = opened.client()
    assert client.get(opened.links.link).status_code == 303
    assert client.get("/figures/who").json() == ["demo", "demo", ["admin"]]
    opened.keys.revoke(made.key.id)
    later = opened.client()
    assert later.get(opened.links.link).status_code == 303
    assert later.get("/figures/who").status_code == 401


def test_a_link_that_is_too_old_is_refused_and_replaced(opened: Opened) -> None:
    link, client = opened.links.link, opened.client()
    opened.now = 601
    assert client.get(link).status_code == 401
    assert client.get(opened.links.link).status_code == 303


@pytest.mark.parametrize("token", ["", "x", "\u05d0"], ids=["none", "wrong", "not ascii"])
def test_a_wrong_token_is_refused_and_uses_nothing_up(opened: Opened, token: str) -> None:
    client = opened.client()
    assert client.get("/sign-in/link", params={"token": token}).status_code == 401
    assert client.get(opened.links.link).status_code == 303


@pytest.mark.parametrize(
    ("base_url", "status"),
    [
        ("http://localhost:8090", 303),
        ("http://[::1]:8090", 303),
        ("http://elsewhere.test", 401),
        ("http://127.0.0.1.elsewhere.test", 401),
        ("http://192.168.1.7:8090", 401),
    ],
    ids=["localhost", "ipv6", "rebound name", "look-alike", "the network"],
)
def test_a_link_is_for_this_machine_by_its_own_name(opened: Opened, base_url: str, status: int) -> None:
    link = opened.links.link.removeprefix(URL)
    assert opened.client(base_url).get(link).status_code == status


def test_the_file_goes_with_the_console_and_another_consoles_stays(opened: Opened) -> None:
    with opened.client():
        assert opened.file.exists()
    assert not opened.file.exists()
    other = SignInLinks("http://127.0.0.1:8091", opened.file, None)
    opened.links.close()
    assert opened.file.read_text().strip() == other.link


def test_a_folder_that_takes_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="PLAUDIT_DATA"):
        SignInLinks(URL, tmp_path / "file" / "console-link", None)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., int]:
    def run_with(link_for: str, **settings: str) -> int:
        store = FileKeyStore(tmp_path / "keys.json")
        store.write(KeyBook({}))
        arguments = Namespace(log_level="INFO")
        return run_console(
            ConsoleSettings.model_validate(settings), ConnectionSettings(), store, arguments, link_for
        )

    return run_with


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "10.0.0.7", "console.example"],  # noqa: S104  # refused
    ids=["every address", "every address of IPv6", "a private one", "a name"],
)
def test_a_console_that_others_reach_has_no_links(run: Callable[..., int], host: str) -> None:
    with pytest.raises(SettingsError, match="must bind the loopback"):
        run("", console_host=host)


def test_a_console_behind_a_proxy_has_no_links(run: Callable[..., int]) -> None:
    with pytest.raises(SettingsError, match="behind a proxy"):
        run("", console_trusted_proxies="*")


def test_a_link_for_an_unknown_key_is_an_error(run: Callable[..., int], tmp_path: Path) -> None:
    FileKeyStore(tmp_path / "keys.json").add(make_key("demo", frozenset(("admin",))).key)
    with pytest.raises(SettingsError, match="no API key plk_x"):
        run("plk_x")


def test_an_open_console_is_no_more_and_the_error_says_what_to_do() -> None:
    with pytest.raises(SettingsError, match=r"everybody signs in now.*plaudit console --link"):
        load(ConsoleSettings, environ={"PLAUDIT_CONSOLE_ACCESS": "open"})
    assert load(ConsoleSettings, environ={"PLAUDIT_CONSOLE_ACCESS": "keyed"}).console_access == "keyed"


def test_the_status_of_the_stack_prints_the_newest_link(
    opened: Opened, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["status", "--data", str(tmp_path)])
    assert opened.links.link in capsys.readouterr().out
    opened.links.close()
    main(["status", "--data", str(tmp_path)])
    assert "sign-in" not in capsys.readouterr().out
