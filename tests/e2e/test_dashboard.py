"""The dashboard in a headless Chromium, on a real gateway that reads real topics."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.gateway import Gateway, make_gateway
from tests.support.services import eventually
from tests.support.snapshots import SECOND, now_us, publish, record

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

MODELS = {"answerer 2026-09": 4.3, "answerer 2026-10": 4.1, "helper-small 3": 3.7}
LATE_MS = 30_000


@pytest.fixture(scope="module")
def gateway(kafka: str, valkey: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made = make_gateway(kafka, valkey, tmp_path_factory.mktemp("gateway"), dashboard_profile="demo")
    made.admin = made.key("admin")  # type: ignore[attr-defined]  # for the tests
    made.producer_only = made.key("producer")  # type: ignore[attr-defined]  # for the tests
    yield made.start()
    assert made.stop() == 0


@pytest.fixture
def own(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Makes gateways that are not started yet."""
    made: list[Gateway] = []

    def make(**settings: str) -> Gateway:
        made.append(make_gateway(kafka, valkey, tmp_path, **settings))
        return made[-1]

    yield make
    for one in made:
        if one.process is not None:
            one.stop()


@pytest.fixture
def fresh(gateway: Gateway) -> Gateway:
    """The gateway with figures of some minutes, well so far."""
    fill(gateway)
    return gateway


def fill(gateway: Gateway, until: int | None = None, worse: float = 0.0) -> None:
    """Five minutes of rounds, all windows; the first model gets worse at the end."""
    end = until or now_us()
    records = []
    for step in range(30):
        at = end - (29 - step) * 10 * SECOND
        for model, satisfaction in MODELS.items():
            first = model == next(iter(MODELS))
            drop = worse * max(0.0, step - 20) / 9 if first else 0.0
            for window, votes in ((60, 60), (300, 300), (3600, 2000), (86_400, 9000)):
                effect = drop if window == 60 else drop * 0.35 if window == 300 else 0.0
                records.append(record(model, at, window, satisfaction - effect, votes=votes))
    publish(gateway.connection, records)


def look(page: Page, gateway: Gateway) -> Page:
    page.goto(gateway.url)
    expect(page.locator("#status")).to_have_text("live", timeout=LATE_MS)
    return page


def test_an_empty_line_says_what_to_do(page: Page, own: Callable[..., Gateway]) -> None:
    empty = own().start()
    look(page, empty)
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#empty")).to_contain_text("plaudit simulate")
    expect(page.locator("#charts")).to_be_hidden()
    began = time.monotonic()
    assert empty.stop() == 0
    assert time.monotonic() - began < 10, "a viewer must not hold the gateway back"
    expect(page.locator("#lost")).to_contain_text("Connection lost", timeout=LATE_MS)
    expect(page.locator("body")).to_have_attribute("data-state", "lost")


def test_figures_come_with_intervals_in_table_and_charts(page: Page, fresh: Gateway) -> None:
    look(page, fresh)
    expect(page.locator("#rows tr")).to_have_count(3, timeout=LATE_MS)
    row = page.locator("#rows tr", has_text="answerer 2026-09")
    expect(row.locator("td").first).to_contain_text("4.")
    expect(row.locator("td").first).to_contain_text("to")
    expect(row.locator("td").first).to_contain_text("300 votes")
    expect(page.locator("#charts canvas")).to_have_count(9)
    label = page.locator("figure", has_text="Satisfaction").locator(".plot").get_attribute("aria-label")
    assert label is not None
    assert "answerer 2026-09 4." in label
    expect(page.locator("#alert-list")).to_have_text("No alerts.")
    expect(page.locator("#immature")).to_be_visible()
    page.get_by_text("1 h", exact=True).click()
    expect(row.locator("td").first).to_contain_text("2,000 votes", timeout=LATE_MS)
    expect(page.locator("#immature")).to_be_hidden()


def test_new_figures_arrive_and_a_worse_model_is_an_alert_with_its_runbook(
    page: Page, fresh: Gateway
) -> None:
    look(page, fresh)
    expect(page.locator("#rows tr")).to_have_count(3, timeout=LATE_MS)
    fill(fresh, until=now_us() + SECOND, worse=1.8)
    alert = page.locator(".alert")
    expect(alert).to_contain_text("Satisfaction of answerer fell from", timeout=LATE_MS)
    alert.locator("summary").click()
    expect(alert.locator("li").first).to_contain_text("Open the dashboard")
    said = page.locator("#alerts-told")
    expect(said).to_contain_text("Satisfaction of answerer fell from")
    heard, before = said.text_content(), alert.locator("strong").text_content()
    alert.locator("summary").focus()
    fill(fresh, until=now_us() + 2 * SECOND, worse=2.2)
    expect(alert.locator("strong")).not_to_have_text(str(before), timeout=LATE_MS)
    expect(alert.locator("summary")).to_be_focused()  # new numbers neither close nor move what one reads
    assert alert.locator("details").get_attribute("open") is not None
    assert said.text_content() == heard, "an alert is read out once"
    fill(fresh, until=now_us() + 3 * SECOND)
    expect(page.locator("#alert-list")).to_have_text("No alerts.", timeout=LATE_MS)


def test_the_keyboard_is_enough(page: Page, fresh: Gateway) -> None:
    look(page, fresh)
    expect(page.locator("#rows tr")).to_have_count(3, timeout=LATE_MS)
    page.locator("input[name=window]:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#rows tr td").first).to_contain_text("2,000 votes", timeout=LATE_MS)
    box = page.locator("#rows input[type=checkbox]").first
    box.focus()
    page.keyboard.press("Space")
    eventually(
        lambda: not page.locator("#rows input[type=checkbox]").first.is_checked(), "it is unticked", 30
    )
    focused = page.evaluate("document.activeElement.dataset.series")
    assert focused, "the focus stays where it was though the table is drawn anew"
    page.locator("#key-open").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#key-dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#key-dialog")).to_be_hidden()


def test_the_theme_is_the_systems_until_it_is_chosen(browser: Browser, fresh: Gateway) -> None:
    context = browser.new_context(color_scheme="dark")
    page = look(context.new_page(), fresh)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    context.close()


def test_nothing_overflows_on_a_phone(browser: Browser, fresh: Gateway) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 740}, has_touch=True, is_mobile=True)
    page = look(context.new_page(), fresh)
    expect(page.locator("#rows tr")).to_have_count(3, timeout=LATE_MS)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    context.close()


def test_it_works_offline_and_asks_nobody_else(browser: Browser, fresh: Gateway) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    look(page, fresh)
    expect(page.locator("#rows tr")).to_have_count(3, timeout=LATE_MS)
    assert {url for url in asked if not url.startswith((fresh.url, "data:"))} == set()
    assert problems == []
    context.close()


def _send_feedback(gateway: Gateway) -> None:
    answer = {"type": "AddMessage", "message_id": "a1", "role": "assistant", "content": "x"}
    thumb = {"kind": "thumb", "like": False}
    feedback = {"aspect": "satisfaction", "value": thumb, "comment": "so <b>wrong</b>"}
    bodies = [answer, {"type": "UpdateMessage", "message_id": "a1", "feedback": feedback}]
    events = [{"conversation_id": "c1", "body": body} for body in bodies]
    with gateway.client(gateway.admin) as client:  # type: ignore[attr-defined]  # set by the fixture
        assert client.post("/v1/events", json=events).status_code in (200, 202)


def test_feedback_shows_texts_to_an_admin_only(page: Page, fresh: Gateway) -> None:
    look(page, fresh)
    listed = page.locator("#feedback-list li", has_text="dislike")

    def arrived() -> bool:
        _send_feedback(fresh)
        page.wait_for_timeout(700)
        return listed.count() > 0

    eventually(arrived, "the feedback is listed", 60)
    expect(listed.first).to_contain_text("satisfaction by user")
    assert "wrong" not in page.locator("#feedback-list").inner_text()
    assert "c1" not in page.locator("#feedback-list").inner_text()
    page.locator("#key-open").click()
    page.locator("#key").fill(fresh.admin)  # type: ignore[attr-defined]  # set by the fixture
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#texts")).to_be_hidden(timeout=LATE_MS)
    _send_feedback(fresh)
    expect(listed.first).to_contain_text("so <b>wrong</b>", timeout=LATE_MS)


def test_a_keyed_dashboard_opens_for_readers_of_their_own_application_only(
    page: Page, own: Callable[..., Gateway]
) -> None:
    keyed = own(dashboard_access="keyed")
    reader, other = keyed.key("reader"), keyed.key("reader", application="other")
    producer = keyed.key("producer")
    keyed.start()
    fill(keyed)
    assert httpx.get(f"{keyed.url}/dashboard/stream").status_code == 401
    with keyed.client(producer) as client:
        assert client.get("/dashboard/stream").status_code == 403
    page.goto(keyed.url)
    expect(page.locator("#key-dialog")).to_be_visible(timeout=LATE_MS)
    for key, rows in ((other, 0), (reader, 3)):
        if not page.locator("#key-dialog").is_visible():
            page.locator("#key-open").click()
        page.locator("#key").fill(key)
        page.get_by_role("button", name="Use it").click()
        expect(page.locator("#status")).to_have_text("live", timeout=LATE_MS)
        expect(page.locator("#rows tr:visible")).to_have_count(rows, timeout=LATE_MS)
