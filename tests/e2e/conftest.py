"""A headless Chromium, and a page on another origin than the gateway's."""

import http.server
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from harness.chat_page import ChatPage
from harness.gateway import Gateway
from tests.e2e.chat_line import APPLICATION, ChatLine
from tests.e2e.chat_page import HTML, Chat, OpenChat
from tests.e2e.chat_visitor import COUNTING, Visitor
from tests.e2e.review_page import Open
from tests.support.gateway import make_gateway
from tests.support.line import Line
from tests.support.review_fake import FakeReview, review_server
from tests.support.review_items import QUESTIONS, parcel, queue
from tests.support.services import unavailable
from tests.support.sinks import Sinks

# The one without windows comes first: a page costs it a third of the processor time.
_NAMES = (
    "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable",
)  # fmt: skip
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


@pytest.fixture
def chat_line(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Callable[..., ChatLine]]:
    """Starts a chat page, a worker and a sink. Takes models, and settings of the page and of the worker."""
    made: list[ChatLine] = []

    def start(
        *models: dict[str, str],
        bootstrap: str = kafka,
        worker: Mapping[str, str] = MappingProxyType({}),
        **page: str,
    ) -> ChatLine:
        folder = tmp_path / f"chat{len(made)}"
        folder.mkdir()
        settings = {"snapshot_interval_s": "0.5", "sweep_interval_s": "1", **worker}
        line = Line(kafka=bootstrap, redis=valkey, folder=folder, settings=settings)
        sinks = Sinks(line.connection, folder, str(folder / "out"), {"rotate_minutes": "0.05"})
        served = ChatPage(line.connection, folder, {"chat_application": APPLICATION, **page})
        made.append(ChatLine(line, sinks, served.offer(*models)))
        line.start_worker()
        sinks.start()
        served.start()
        return made[-1]

    yield start
    for one in made:
        code = one.page.stop()
        one.sinks.stop()
        one.line.stop_workers()
        assert code == 0, one.page.log()


@pytest.fixture
def visitors(browser: Browser) -> Iterator[Callable[..., Visitor]]:
    """Opens a browser of its own for each visitor of a chat page; an error in a page fails the test."""
    contexts, errors = list[BrowserContext](), list[str]()

    def arrive(one: ChatLine, model: str = COUNTING, **options: Any) -> Visitor:
        contexts.append(browser.new_context(**options))
        contexts[-1].set_default_timeout(_DEADLINE_MS)
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return Visitor(page, one.page.url, model)

    yield arrive
    for context in contexts:
        context.close()
    assert errors == []


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def opened(page: Page) -> Iterator[Open]:
    """Serves a queue of parcels to a reviewer and opens it; its guidelines were read before."""
    with ExitStack() as stack:

        def start(items: int = 3, **more: Any) -> FakeReview:
            questions = [each for each in QUESTIONS if each["name"] in ("correct", "quality", "why")]
            fake = FakeReview(queue("answer", *questions), [parcel(at) for at in range(items)], **more)
            stack.enter_context(review_server(fake))
            page.add_init_script("localStorage.setItem('plaudit-review-read:quality/1', '1')")
            page.goto(fake.url + "#/quality/1")
            expect(page.locator("#screen")).to_have_attribute("aria-busy", "false")
            return fake

        yield start
