"""A reviewer leaves an item of the page Review in Chromium while something is still under way."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, Route, expect

from harness.waiting import eventually
from tests.e2e.review_page import Open, drafts, press, shown

pytestmark = pytest.mark.slow


class Held:
    """Requests that get no answer until `go`."""

    def __init__(self, page: Page, path: str) -> None:
        self._page, self._path, self._gone = page, path, False
        self._routes: list[Route] = []
        page.route(f"**/review/{path}", self._take)

    def _take(self, route: Route) -> None:
        if self._gone:
            route.continue_()
        else:
            self._routes.append(route)

    def wait(self) -> None:
        """Waits for the first request. Only a call to the page lets Playwright hear of it."""
        eventually(lambda: self._page.evaluate("true") and self._routes != [], f"{self._path} is asked for")

    def go(self) -> None:
        """Lets the requests through."""
        self._gone = True
        for each in self._routes:
            each.continue_()


def queues_shown(page: Page) -> None:
    """Waits for the list of queues."""
    expect(page.get_by_role("heading", name="Review", exact=True)).to_be_visible()


def test_leaving_gives_the_item_back_unless_something_is_written(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    press(page, "q")
    queues_shown(page)
    eventually(lambda: ("release", "item-0", {}) in fake.sent, "the item is released")
    fake.sent.clear()
    press(page, "1")
    shown(page, 0)
    press(page, "1", "q")
    expect(page.get_by_role("heading", name="1 draft that is not sent")).to_be_visible()
    assert [what for what, _, _ in fake.sent] == ["next"]
    page.get_by_role("link", name="Go on").first.click()
    shown(page, 0)
    expect(page.get_by_label("Thumb up")).to_be_checked()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda page: press(page, "1", "4", "Enter"), id="keys"),
        pytest.param(lambda page: page.get_by_text("Thumb up").click(force=True), id="click"),
    ],
)
def test_an_item_that_is_being_left_takes_no_answer(
    page: Page, opened: Open, change: Callable[[Page], None]
) -> None:
    fake = opened()
    shown(page, 0)
    queues = Held(page, "queues")
    press(page, "q")
    queues.wait()
    change(page)
    queues.go()
    queues_shown(page)
    eventually(lambda: ("release", "item-0", {}) in fake.sent, "the item is released")
    assert drafts(page) == []
    assert {what for what, _, _ in fake.sent} == {"next", "release"}


def test_no_answer_is_asked_for_where_the_queues_do_not_come(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("list", 503, "redis")
    press(page, "q")
    expect(page.get_by_role("alert")).to_contain_text("It fails with redis.")
    expect(page.locator(".answers")).to_have_count(0)
    page.get_by_role("button", name="Try again").click()
    queues_shown(page)


def test_an_open_dialog_goes_with_its_item(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    press(page, "d")
    expect(page.get_by_role("dialog", name="Decline this item?")).to_be_visible()
    page.evaluate("location.hash = ''")
    queues_shown(page)
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert fake.declined == []


def test_an_item_that_comes_after_the_reviewer_left_goes_back(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    submitted = Held(page, "queues/*/*/items/*/submit")
    press(page, "1", "4", "Enter")
    submitted.wait()
    press(page, "q")
    queues_shown(page)
    submitted.go()
    eventually(lambda: ("release", "item-1", {}) in fake.sent, "the next item is released")
    assert [item for item, _ in fake.answered] == ["item-0"]
    assert drafts(page) == []


def test_an_answer_taken_back_after_the_reviewer_left_is_a_draft(page: Page, opened: Open) -> None:
    opened()
    shown(page, 0)
    press(page, "1", "4", "Enter")
    shown(page, 1)
    undone = Held(page, "queues/*/*/undo")
    press(page, "u")
    undone.wait()
    press(page, "q")
    queues_shown(page)
    undone.go()
    eventually(lambda: drafts(page) != [], "the answers are kept")
    kept = [(each["item"], each["answers"]) for each in drafts(page)]
    assert kept == [("item-0", {"correct": True, "quality": 4})]


def test_an_error_that_comes_after_the_reviewer_left_is_not_shown(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    press(page, "1", "4", "Enter")
    shown(page, 1)
    fake.fail("undo", 503, "redis")
    undone = Held(page, "queues/*/*/undo")
    press(page, "u")
    undone.wait()
    press(page, "q")
    queues_shown(page)
    with page.expect_response("**/undo") as answer:
        undone.go()
    answer.value.finished()
    page.evaluate("() => new Promise(requestAnimationFrame)")
    expect(page.locator("#problem")).to_be_hidden()
