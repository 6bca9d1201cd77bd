"""A headless Chromium, and a page on another origin than the gateway's."""

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from harness.gateway import Gateway
from tests.e2e.chat_page import HTML, Chat, OpenChat
from tests.support.gateway import make_gateway
from tests.support.services import unavailable

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_DEADLINE_MS = 120_000.0  # that only a hang can miss
_SWITCHES = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-default-apps", "--no-first-run", "--disable-dev-shm-usage",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Not for the whole session: as long as it is open, the main thread has a running event loop."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        unavailable("Chromium")
    expect.set_options(timeout=_DEADLINE_MS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(_SWITCHES))
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a profile of its own; an error in it fails the test."""
    context = browser.new_context()
    context.set_default_timeout(_DEADLINE_MS)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, str], str]]:
    """Puts a page on a web server of its own; gives its address."""
    folder = tmp_path_factory.mktemp("site")
    handler = partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def put(name: str, text: str) -> str:
        Path(folder / name).write_text(text, encoding="utf-8")
        return f"http://127.0.0.1:{server.server_port}/{name}"

    yield put
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def gateway(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway that pages of every origin may call."""
    made = make_gateway(
        kafka, valkey, tmp_path_factory.mktemp("gateway"), gateway_cors_origins="*", gateway_page_rate="1000"
    )
    made.secret = made.key("producer", "reader")
    yield made.start()
    assert made.stop() == 0


@pytest.fixture
def chat(gateway: Gateway, page: Page, site: Callable[[str, str], str]) -> OpenChat:
    """Opens a page with the client, connected to a conversation; takes the fields of a token request."""
    address = site("chat.html", HTML)
    return lambda **wanted: Chat(gateway, page, address, **wanted)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""
