"""The console's page of data sets in Chromium: what is excluded there is not in the next snapshot."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from plaudit_consumers.datasets.build import build_snapshot
from plaudit_consumers.datasets.plan import SnapshotPlan
from plaudit_producers import FeedbackProducer
from playwright.sync_api import Browser, Page, Route, expect

from harness.waiting import eventually
from tests.consumers.live_root import rows_of
from tests.support.console import Console
from tests.support.line import Line
from tests.support.sinks import Sinks

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

_HEBREW = "החבילה תגיע מחר"
_ANSWERS = {
    "c0": "It arrives tomorrow.",
    "c1": _HEBREW,
    "c2": "x" * 6000,
    "c3": "<img src=y onerror=alert(1)>",
}


@pytest.fixture
def line(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Line]:
    one = Line(kafka=kafka, redis=valkey, folder=tmp_path, partitions=1)
    yield one
    one.stop_workers()


@pytest.fixture
def sinks(line: Line, tmp_path: Path) -> Iterator[Sinks]:
    made = Sinks(line.connection, tmp_path, str(tmp_path / "root"))
    yield made
    made.stop()


@pytest.fixture
def console(line: Line, sinks: Sinks, tmp_path: Path) -> Iterator[Console]:
    """A console on a line whose chats are in the snapshot `first`."""
    with FeedbackProducer("shop", connection=line.connection) as producer:
        for name, answer in _ANSWERS.items():
            chat = producer.start_conversation(name, consent="granted", user_id=f"u-{name}")
            chat.add_message("user", f"Where is my parcel, {name}?")
            chat.like(chat.add_message("assistant", answer))
            chat.end()
    line.start_worker()
    line.wait_folded()
    sinks.once()
    build_snapshot(sinks.output, SnapshotPlan(output=tmp_path / "snapshots" / "first", shares=(1, 0, 0)))
    made = Console(line.connection, tmp_path, {"snapshots": str(tmp_path / "snapshots")})
    yield made.start()
    assert made.stop() == 0


def test_a_row_that_is_excluded_on_a_phone_is_not_in_the_next_snapshot(
    console: Console, line: Line, sinks: Sinks, browser: Browser, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("dialog", lambda dialog: errors.append(dialog.message))
    console.sign_in(page, console.key("reader", "reviewer", name="Ada"), "/datasets")
    expect(page.locator("#told")).to_have_text("4 rows.")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    _check_texts(page)
    page.get_by_label("Words").fill("מחר")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#told")).to_have_text("1 row.")
    page.get_by_role("button", name="Exclude the answer").click()
    page.get_by_label("Reason").fill("not our parcel")
    page.get_by_role("button", name="Exclude", exact=True).click()
    expect(page.locator("#rows .done")).to_contain_text("snapshots that are built from now on leave it out")
    expect(page.get_by_role("button", name="Let it in again")).to_be_focused()
    page.reload()
    expect(page.locator("#rows .done")).to_be_visible()
    page.get_by_role("button", name="Let it in again").click()
    expect(page.locator("#rows .done")).to_contain_text("Let in again")
    page.get_by_role("button", name="Exclude the conversation").click()
    page.get_by_role("button", name="Exclude", exact=True).click()
    expect(page.locator("#rows .done")).to_contain_text("leave it out")
    context.close()
    assert errors == []
    line.wait_folded()
    sinks.once()
    build_snapshot(sinks.output, SnapshotPlan(output=tmp_path / "second", shares=(1, 0, 0)))
    assert [row["conversation_id"] for row in rows_of(tmp_path / "second", "sft")] == ["c0", "c2", "c3"]
    said = [row["exclusion"] for row in rows_of(tmp_path / "root" / "v1", "amendments", "*/*")]
    assert {(each["rater"]["kind"], each["rater"]["id"]) for each in said} == {("reviewer", "Ada")}
    assert [(each["excluded"], each["message_id"] is None) for each in said] == [
        (True, False), (False, False), (True, True),
    ]  # fmt: skip
    assert said[0]["reason"] == "not our parcel"


def test_a_reader_reads_and_is_offered_nothing_else(console: Console, page: Page) -> None:
    console.sign_in(page, console.key("reader", name="Bob"), "/datasets")
    expect(page.locator("#told")).to_have_text("4 rows.")
    expect(page.get_by_role("button", name="Exclude")).to_have_count(0)
    page.get_by_label("Subset").select_option("conversations")
    expect(page.locator("#rows > li")).to_have_count(4)
    page.route("**/datasets/rows?*", _with_a_second_page)
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="More rows").press("Enter")
    expect(page.locator("#rows > li")).to_have_count(8)
    expect(page.locator("#rows > li").nth(4).get_by_role("article")).to_be_focused()
    page.unroute("**/datasets/rows?*")
    console.revoke("Bob")
    eventually(lambda: _signed_out(page), "the key is revoked")
    page.get_by_role("button", name="Search").click()
    expect(page).to_have_url(console.url + "/sign-in?next=/datasets")


def _with_a_second_page(route: Route) -> None:
    asked = route.request.url
    answer = route.fetch(url=asked.replace("skip=4", "skip=0"))
    route.fulfill(response=answer, json={**answer.json(), "more": "skip=0" in asked})


def _signed_out(page: Page) -> bool:
    return bool(page.request.get(page.url.partition("?")[0] + "/snapshots").status == 401)


def _check_texts(page: Page) -> None:
    expect(page.get_by_text("<img src=y onerror=alert(1)>")).to_be_visible()
    hebrew = page.get_by_text(_HEBREW)
    assert hebrew.evaluate("each => getComputedStyle(each).direction") == "rtl"
    long = page.locator(".said", has_text="x" * 100)
    assert long.evaluate("each => each.clientHeight") < 400
    page.get_by_role("button", name="Show all").click()
    assert long.evaluate("each => each.scrollHeight <= each.clientHeight + 4")
