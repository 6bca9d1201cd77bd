"""The console's dashboard in a headless Chromium, on a real process that reads real topics."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer
from playwright.sync_api import Browser, Page, expect
from playwright.sync_api import TimeoutError as NotInTimeError

from harness.waiting import eventually
from tests.support.console import Console, make_console, show_dashboard
from tests.support.group_member import member_of_workers
from tests.support.snapshots import SECOND, now_us, publish, record

pytestmark = pytest.mark.kafka

MODELS = {"answerer 2026-09": 4.3, "answerer 2026-10": 4.1, "helper-small 3": 3.7}


@pytest.fixture(scope="module")
def console(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    made = make_console(kafka, tmp_path_factory.mktemp("console"), dashboard_profile="demo")
    with member_of_workers(made.connection):
        yield made.start()
        assert made.stop() == 0


@pytest.fixture(scope="module")
def reader(console: Console) -> str:
    """A reader's key."""
    return console.key("reader")


@pytest.fixture
def own(kafka: str, tmp_path: Path) -> Iterator[Callable[..., Console]]:
    """Makes consoles that are not started yet."""
    made: list[Console] = []

    def make(*arguments: str, **settings: str) -> Console:
        made.append(make_console(kafka, tmp_path, **settings))
        made[-1].arguments = arguments
        return made[-1]

    yield make
    for one in made:
        if one.process is not None:
            one.stop()


@pytest.fixture
def fresh(console: Console) -> Console:
    """The console with figures of some minutes, well so far."""
    fill(console)
    return console


def fill(console: Console, until: int | None = None, worse: float = 0.0) -> None:
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
    publish(console.connection, records)


def test_an_empty_line_says_what_to_do(page: Page, own: Callable[..., Console]) -> None:
    empty = own().start()
    show_dashboard(page, empty, empty.key("reader"))
    expect(page.locator("#empty")).to_be_visible()
    expect(page.locator("#empty")).to_contain_text("plaudit simulate")
    expect(page.locator("#charts")).to_be_hidden()
    assert empty.stop() == 0, "a viewer must not hold the console back"
    expect(page.locator("#lost")).to_contain_text("Connection lost")
    expect(page.locator("#main")).to_have_attribute("data-state", "lost")


def test_figures_come_with_intervals_in_table_and_charts(page: Page, fresh: Console, reader: str) -> None:
    show_dashboard(page, fresh, reader)
    expect(page.locator("#rows tr")).to_have_count(3)
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
    expect(row.locator("td").first).to_contain_text("2,000 votes")
    expect(page.locator("#immature")).to_be_hidden()


def test_new_figures_arrive_and_a_worse_model_is_an_alert_with_its_runbook(
    page: Page, fresh: Console, reader: str
) -> None:
    show_dashboard(page, fresh, reader)
    expect(page.locator("#rows tr")).to_have_count(3)
    fill(fresh, until=now_us() + SECOND, worse=1.8)
    alert = page.locator(".alert")
    expect(alert).to_contain_text("Satisfaction of answerer fell from")
    alert.locator("summary").click()
    expect(alert.locator("li").first).to_contain_text("Open the dashboard")
    said = page.locator("#alerts-told")
    expect(said).to_contain_text("Satisfaction of answerer fell from")
    heard, before = said.text_content(), alert.locator("strong").text_content()
    alert.locator("summary").focus()
    fill(fresh, until=now_us() + 2 * SECOND, worse=2.2)
    expect(alert.locator("strong")).not_to_have_text(str(before))
    expect(alert.locator("summary")).to_be_focused()  # new numbers neither close nor move what one reads
    assert alert.locator("details").get_attribute("open") is not None
    assert said.text_content() == heard, "an alert is read out once"
    fill(fresh, until=now_us() + 3 * SECOND)
    expect(page.locator("#alert-list")).to_have_text("No alerts.")


@pytest.mark.slow
def test_the_keyboard_is_enough(page: Page, fresh: Console, reader: str) -> None:
    show_dashboard(page, fresh, reader)
    expect(page.locator("#rows tr")).to_have_count(3)
    page.locator("input[name=window]:checked").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#rows tr td").first).to_contain_text("2,000 votes")
    box = page.locator("#rows input[type=checkbox]").first
    box.focus()
    page.keyboard.press("Space")
    expect(page.locator("#rows input[type=checkbox]").first).not_to_be_checked()
    focused = page.evaluate("document.activeElement.dataset.series")
    assert focused, "the focus stays where it was though the table is drawn anew"
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(reader)
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_have_text("live")


def test_the_theme_is_the_systems_until_it_is_chosen(browser: Browser, fresh: Console, reader: str) -> None:
    context = browser.new_context(color_scheme="dark")
    page = show_dashboard(context.new_page(), fresh, reader)
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.locator("#theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    context.close()


def test_nothing_overflows_on_a_phone(browser: Browser, fresh: Console, reader: str) -> None:
    context = browser.new_context(viewport={"width": 375, "height": 740}, has_touch=True, is_mobile=True)
    page = show_dashboard(context.new_page(), fresh, reader)
    expect(page.locator("#rows tr")).to_have_count(3)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
    context.close()


@pytest.mark.slow
def test_it_works_offline_and_asks_nobody_else(browser: Browser, fresh: Console, reader: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    show_dashboard(page, fresh, reader)
    expect(page.locator("#rows tr")).to_have_count(3)
    assert {url for url in asked if not url.startswith((fresh.url, "data:"))} == set()
    assert problems == []
    context.close()


def _send_feedback(console: Console) -> None:
    with FeedbackProducer("shop", connection=console.connection) as producer:
        chat = producer.start_conversation("c1")
        answer = chat.add_message("assistant", "x")
        chat.dislike(answer, comment="so <b>wrong</b>")


@pytest.mark.slow
def test_feedback_shows_texts_to_an_admin_only(page: Page, fresh: Console, reader: str) -> None:
    show_dashboard(page, fresh, reader)
    listed = page.locator("#feedback-list li", has_text="dislike")

    def arrived() -> bool:  # what is sent before the console follows the topic is not shown
        _send_feedback(fresh)
        with contextlib.suppress(NotInTimeError):
            listed.first.wait_for(timeout=1000)
        return listed.count() > 0

    eventually(arrived, "the feedback is listed")
    expect(listed.first).to_contain_text("satisfaction by user")
    assert "wrong" not in page.locator("#feedback-list").inner_text()
    assert "c1" not in page.locator("#feedback-list").inner_text()
    page.get_by_role("button", name="Sign out").click()
    show_dashboard(page, fresh, fresh.key("admin"))
    expect(page.locator("#texts")).to_be_hidden()
    _send_feedback(fresh)
    expect(listed.first).to_contain_text("so <b>wrong</b>")


def test_a_key_sees_its_own_application_only(page: Page, fresh: Console, reader: str) -> None:
    assert fresh.status("/dashboard/stream") == 401
    for key, rows in ((fresh.key("reader", application="other"), 0), (reader, 3)):
        show_dashboard(page, fresh, key)
        expect(page.locator("#rows tr:visible")).to_have_count(rows)
        page.get_by_role("button", name="Sign out").click()
    page.get_by_label("API key").fill(fresh.key("producer"))
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("body")).to_contain_text("This key may see no page")


@pytest.mark.slow
def test_a_link_shows_figures_and_no_texts(page: Page, own: Callable[..., Console]) -> None:
    opened = own("--link").start()
    fill(opened)
    page.goto(opened.link())
    expect(page.locator("#status")).to_have_text("live")
    expect(page.locator("#rows tr")).to_have_count(3)
    expect(page.locator("#texts")).to_be_visible()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


@pytest.mark.slow
def test_a_revoked_key_ends_what_it_looks_at(page: Page, fresh: Console) -> None:
    show_dashboard(page, fresh, fresh.key("reader", name="leaving"))
    fresh.revoke("leaving")
    expect(page.get_by_label("API key")).to_be_visible()
