"""The page of conversations in Chromium: found, read at every event, corrected and erased."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_schemas.review.registry import RubricRegistry
from plaudit_schemas.review.rubric import Rubric
from plaudit_schemas.review.settings import ReviewSettings
from playwright.sync_api import Browser, Page, expect

from tests.support.console import Console
from tests.support.line import Line
from tests.support.sinks import Sinks

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

_ARABIC = "أين طردي؟ قيل لي إنه سيصل **اليوم** ولم يصل بعد."
_CODE = "Run this:\n\n```python\nprint('" + "x" * 300 + "')\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |\n"
_EVIL = "<img src=x onerror=alert(1)> [click](javascript:alert(2)) ![seen](http://tracker.test/pixel.png)"


@pytest.fixture
def console(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Console]:
    line = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=2)
    sinks = Sinks(line.connection, tmp_path, str(tmp_path / "root"))
    _fill(line)
    line.start_worker()
    line.wait_folded()
    sinks.once()
    made = Console(line.connection, tmp_path, {"output": str(tmp_path / "root")})
    yield made.start()
    assert made.stop() == 0
    sinks.stop()
    line.stop_workers()


def _fill(line: Line) -> None:
    with FeedbackProducer("shop", connection=line.connection) as producer:
        chat = producer.start_conversation(
            "talk", user_id="u1", model={"id": "answerer", "version": "2"}, tools="[]"
        )
        question = chat.add_message("user", "How do I print?", message_id="q")
        first = chat.add_message(
            "assistant", _CODE, message_id="a", parent_id=question, reasoning="They use *Python*."
        )
        chat.add_message("assistant", _EVIL, message_id="b", parent_id=question)
        chat.dislike(first, rater={"kind": "reviewer", "id": "ana"}, comment="too long")
        chat.add_message("user", "And now?", message_id="q2", parent_id="b")
        chat.add_message("assistant", "w" * 25_000, message_id="c", parent_id="q2")
        chat.compare(["a", "b"], ["b", "a"], rater={"kind": "reviewer", "id": "ben"})
        other = producer.start_conversation("parcel")
        other.add_message("user", _ARABIC)
        other.like(other.add_message("assistant", "סליחה, אנחנו בודקים."))
        other.end()
    rubric = {
        "name": "quality",
        "version": "1",
        "application": "shop",
        "title": "Answer quality",
        "target": "answer",
        "questions": [{"name": "good", "kind": "thumb", "title": "Good?"}],
    }
    with RubricRegistry(line.connection) as registry:
        registry.publish(Rubric.model_validate(rubric), ReviewSettings())


def _open(page: Page, console: Console, key: str) -> list[str]:
    page.set_default_timeout(60_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    page.on("request", lambda asked: errors.append(asked.url) if "tracker" in asked.url else None)
    console.sign_in(page, key, "/conversations")
    expect(page.locator("[data-where=live] .told")).to_contain_text("2 found")
    return errors


def test_a_lead_reads_a_conversation_with_its_branches_and_its_history(
    console: Console, page: Page, tmp_path: Path
) -> None:
    errors = _open(page, console, console.key("admin", name="Lea", person="lea"))
    page.screenshot(path=tmp_path / "search.png", full_page=True)
    expect(page.locator("[data-where=finished] .told")).to_contain_text("1 found")
    page.get_by_label("Low rating").check()
    page.get_by_role("button", name="Search").click()
    expect(page.locator("[data-where=live] .told")).to_contain_text("1 found")
    page.locator("[data-where=live] .lines a").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#shown-id")).to_have_text("talk")
    expect(page.locator("#shown")).to_be_focused()
    said = page.locator("#messages .message")
    expect(said).to_have_count(4)
    expect(said.nth(1).locator(".said")).to_contain_text("<img src=x onerror=alert(1)>")
    assert said.nth(1).locator("img").count() == 0
    expect(said.nth(1).locator(".branches")).to_contain_text("2 of 2")
    expect(page.locator("#whole li")).to_contain_text("reviewer ben · preference: answer 2 > answer 1")
    said.nth(1).get_by_role("button", name="The answer before").focus()
    page.keyboard.press("Enter")
    expect(said).to_have_count(2)
    expect(said.nth(1).locator("pre code")).to_contain_text("print(")
    expect(said.nth(1).locator("table")).to_be_visible()
    expect(said.nth(1).locator(".feedback li.low")).to_have_text(
        "reviewer ana · satisfaction: disliked · too long"
    )
    expect(said.nth(1).locator(".reasoning div")).to_be_hidden()
    said.nth(1).locator(".reasoning summary").click()
    expect(said.nth(1).locator(".reasoning em")).to_have_text("Python")
    page.screenshot(path=tmp_path / "branch.png", full_page=True)
    said.nth(1).get_by_role("button", name="The next answer").click()
    said.nth(3).get_by_role("button", name="Show 5,000 more characters").click()
    expect(said.nth(3).locator(".said")).to_contain_text("w" * 25_000)
    _read_history(page, tmp_path)
    assert errors == []


def _read_history(page: Page, folder: Path) -> None:
    page.get_by_role("button", name="History").click()
    expect(page.locator("#at")).to_be_focused()
    expect(page.locator("#event-count")).to_have_text("8 events")
    page.screenshot(path=folder / "history.png", full_page=True)
    said = page.locator("#messages .message")
    page.keyboard.press("Home")
    expect(said).to_have_count(0)
    page.keyboard.press("ArrowRight")
    expect(said).to_have_count(1)
    expect(page.locator("#at-told")).to_contain_text("user message")
    page.locator("#timeline summary").click()
    page.get_by_role("button", name="reviewer ana: satisfaction disliked").click()
    expect(page.locator("#as-of")).to_contain_text("as it was")
    expect(page.get_by_role("button", name="Correct")).to_have_count(0)
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#as-of")).to_contain_text("as it was")
    expect(page.locator("#messages .message")).to_have_count(2)
    page.get_by_role("button", name="Now").click()
    expect(page.locator("#as-of")).to_be_hidden()
    expect(page.locator("#messages .message")).to_have_count(4)


def test_a_conversation_is_sent_corrected_and_erased(console: Console, page: Page, tmp_path: Path) -> None:
    errors = _open(page, console, console.key("admin", name="Lea", person="lea"))
    page.goto(f"{console.url}/conversations?show=talk&message=a")
    answer = page.locator("[data-id=a]")
    expect(answer).to_have_attribute("data-chosen", "")
    answer.get_by_role("button", name="Send to reviewers").click()
    page.screenshot(path=tmp_path / "sending.png")
    page.locator("#sending").get_by_role("button", name="Send").click()
    expect(page.locator("#done")).to_contain_text("Sent to quality")
    answer.get_by_role("button", name="Correct").click()
    page.locator("#correction").fill("Call `print`.")
    page.get_by_role("button", name="Send the correction").click()
    expect(answer.locator(".feedback")).to_contain_text("reviewer lea · accuracy: corrected it")
    expect(answer.locator(".correction")).to_have_text("Call `print`.")
    page.get_by_role("button", name="Erase", exact=True).click()
    gone = page.get_by_role("button", name="Erase for good")
    expect(gone).to_be_disabled()
    page.locator("#typed").fill("talk")
    page.screenshot(path=tmp_path / "erasing.png")
    gone.click()
    expect(page.locator("#problem")).to_have_text("The conversation talk is erased.")
    expect(page.locator("#messages .message")).to_have_count(0)
    page.get_by_role("link", name="Back to the search").click()
    expect(page.locator("[data-where=live] .told")).to_contain_text("1 found")
    page.goto(f"{console.url}/conversations?show=talk")
    expect(page.locator("#problem")).to_have_text("This conversation was erased.")
    assert errors == []


def test_it_fits_a_phone_in_the_dark_from_right_to_left(
    console: Console, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark"
    )
    page = context.new_page()
    errors = _open(page, console, console.key("reader", name="Rea"))
    page.get_by_label("Words in the messages").fill("طردي")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("[data-where=live] .told")).to_contain_text("1 found")
    page.screenshot(path=tmp_path / "phone-search.png", full_page=True)
    page.locator("[data-where=live] .lines a").click()
    said = page.locator("#messages .message .said")
    expect(said.first).to_have_css("direction", "rtl")
    expect(said.first.locator("strong")).to_have_text("اليوم")
    expect(page.get_by_role("button", name="Correct")).to_have_count(0)
    expect(page.get_by_role("button", name="Erase")).to_have_count(0)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="History").click()
    expect(page.locator("#event-count")).to_have_text("5 events")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    page.goto(f"{console.url}/conversations?show=talk&message=a")
    expect(page.locator("[data-id=a] pre")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.screenshot(path=tmp_path / "phone-code.png", full_page=True)
    context.close()
    assert errors == []
