"""The page Review in Chromium on a stand-in for its server: keyboard, drafts, undo, declines and outages."""

from typing import Any

import pytest
from plaudit_producers.review.quality.figures import own_figures
from playwright.sync_api import Page, expect

from tests.e2e.review_page import Open, drafts, press, shown
from tests.support.review_figures import FIGURES

pytestmark = pytest.mark.slow

NOBODY = {"share": None, "low": None, "high": None, "right": 0, "count": 0}


def test_a_queue_is_worked_through_by_keyboard(page: Page, opened: Open) -> None:
    fake = opened(items=2)
    shown(page, 0)
    press(page, "1", "4", "e")
    page.keyboard.type("Say so d1rectly? g u j")
    press(page, "Escape", "Enter")
    shown(page, 1)
    assert fake.answered == [("item-0", {"correct": True, "quality": 4, "why": "Say so d1rectly? g u j"})]
    press(page, "2", "Enter")
    expect(page.locator("[data-name=quality] .wrong")).to_have_text("This question needs an answer.")
    press(page, "1", "Control+Enter")
    expect(page.get_by_role("heading", name="Nothing left for you here")).to_be_visible()
    expect(page.locator("#heard")).to_have_text("Nothing is left for you in this queue.")
    assert fake.answered[1] == ("item-1", {"correct": False, "quality": 1})
    assert drafts(page) == []
    submissions = [body["submission"] for what, _, body in fake.sent if what == "submit"]
    assert len(set(submissions)) == 2
    assert all(len(each) == 26 for each in submissions)


@pytest.mark.parametrize(
    ("own", "told"),
    [
        pytest.param(
            own_figures(FIGURES, "anna"),
            "You: 95 % right on control questions (19 of 20; 95 % interval 76 % to 99 %)"
            " · 90 % as most others said (72 of 80)",
            id="of both",
        ),
        pytest.param({"controls": None, "majority": NOBODY}, "", id="of nothing yet"),
        pytest.param(None, "", id="before the first answer"),
    ],
)
def test_reviewers_are_told_how_they_do(page: Page, opened: Open, own: Any, told: str) -> None:
    opened(own=own)
    shown(page, 0)
    expect(page.locator(".quality")).to_have_text(told)


def test_the_keys_are_told_and_steal_no_typing(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    press(page, "?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Undo the last answer")
    press(page, "d", "u", "1")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    press(page, "Escape", "g")
    expect(page.get_by_role("dialog", name="Guidelines")).to_contain_text(
        "A good answer is true, complete and short."
    )
    press(page, "Escape", "c")
    page.keyboard.type("?gdu12=")
    expect(page.get_by_label("Comment")).to_have_value("?gdu12=")
    expect(page.locator("dialog[open]")).to_have_count(0)
    press(page, "Escape", "1", "5", "Enter")
    shown(page, 1)
    assert fake.sent[-1][2]["comment"] == "?gdu12="


def test_single_keys_can_be_turned_off(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    press(page, "?")
    page.get_by_label("Single keys work").uncheck()
    press(page, "Escape", "1", "4", "d", "u", "Enter")
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_role("radio", name="4")).not_to_be_checked()
    page.reload()
    shown(page, 0)
    page.get_by_role("radio", name="Thumb up").check()
    page.get_by_role("radio", name="4").check(force=True)
    press(page, "Control+Enter")
    shown(page, 1)
    assert fake.answered == [("item-0", {"correct": True, "quality": 4})]


def test_the_guidelines_of_a_new_version_come_first_and_once(page: Page, opened: Open) -> None:
    fake = opened()
    page.evaluate("localStorage.removeItem('plaudit-review-read:quality/1')")
    fake.queue["version"] = "2"
    page.goto(fake.url + "#/quality/2")
    expect(page.get_by_role("dialog", name="Guidelines")).to_be_visible()
    press(page, "Escape")
    page.reload()
    shown(page, 0)
    expect(page.get_by_role("dialog", name="Guidelines")).to_be_hidden()


def test_undo_gives_the_last_answer_back_with_a_new_submission(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    press(page, "1", "4", "Enter")
    shown(page, 1)
    expect(page.locator(".bar .progress")).to_contain_text("1 by you")
    press(page, "u")
    shown(page, 0)
    expect(page.locator(".bar .progress")).to_contain_text("0 by you")
    expect(page.get_by_role("radio", name="4")).to_be_checked()
    press(page, "j", "2", "Enter")
    shown(page, 1)
    assert fake.answered == [("item-0", {"correct": True, "quality": 2})]
    first, again = (body["submission"] for what, _, body in fake.sent if what == "submit")
    assert first != again


def test_an_item_is_declined_with_a_reason(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    dialog = page.locator("#decline")
    press(page, "d")
    expect(dialog.get_by_role("button", name="Decline", exact=True)).to_be_disabled()
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    shown(page, 0)
    press(page, "d")
    expect(dialog.locator("#reason")).to_be_focused()
    page.keyboard.type("I know this customer.")
    press(page, "Control+Enter")
    shown(page, 1)
    assert fake.sent[-1] == ("decline", "item-0", {"reason": "I know this customer.", "next": True})


def test_a_draft_survives_a_reload_and_belongs_to_one_person(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    press(page, "1", "e")
    page.keyboard.type("half a thought")
    (before,) = drafts(page)
    page.reload()
    expect(page.locator(".notice")).to_have_text("Your draft is here again.")
    expect(page.get_by_label("What should be better?").first).to_have_value("half a thought")
    fake.person = "ben"
    page.reload()
    shown(page, 0)
    expect(page.locator("textarea").first).to_have_value("")
    fake.person = "ana"
    page.reload()
    shown(page, 0)
    press(page, "3", "Enter")
    shown(page, 1)
    assert fake.sent[-1][2]["submission"] == before["submission"]
    assert drafts(page) == []


def test_an_old_draft_is_forgotten(page: Page, opened: Open) -> None:
    opened()
    shown(page, 0)
    press(page, "1")
    assert len(drafts(page)) == 1
    page.evaluate(
        "for (const k of Object.keys(localStorage)) if (k.startsWith('plaudit-review-draft'))"
        " localStorage[k] = JSON.stringify({...JSON.parse(localStorage[k]), at: Date.now() - 15 * 864e5})"
    )
    page.reload()
    shown(page, 0)
    assert drafts(page) == []


@pytest.mark.parametrize("code", ["kafka", "redis"])
def test_an_outage_keeps_the_answers_and_repeats_the_submission(page: Page, opened: Open, code: str) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("submit", 503, code, times=2)
    press(page, "1", "4", "Enter")
    expect(page.locator(".notice")).to_contain_text("Your answers are kept in this browser. Trying again in")
    press(page, "2")
    assert [each["sending"] for each in drafts(page)] == [True]
    page.get_by_role("button", name="Try now").click()
    shown(page, 1)
    expect(page.locator(".notice")).to_be_hidden()
    sent = [body for what, _, body in fake.sent if what == "submit"]
    assert len(sent) == 3
    assert all(each == sent[0] for each in sent)
    assert fake.answered == [("item-0", {"correct": True, "quality": 4})]


def test_a_submission_under_way_is_sent_once_more_after_a_reload(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("submit", 503, "kafka", times=1)
    press(page, "1", "4", "Enter")
    expect(page.get_by_role("button", name="Try now")).to_be_visible()
    page.reload()
    shown(page, 1)
    assert fake.answered == [("item-0", {"correct": True, "quality": 4})]
    assert drafts(page) == []


def test_a_submission_may_be_stopped_and_edited(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("submit", 503, "kafka", times=1)
    press(page, "1", "4", "Enter")
    page.get_by_role("button", name="Stop and edit").click()
    expect(page.locator(".notice")).to_contain_text("Not sent.")
    page.get_by_role("radio", name="2").check(force=True)
    press(page, "Control+Enter")
    shown(page, 1)
    assert fake.answered == [("item-0", {"correct": True, "quality": 2})]


def test_a_lost_lease_is_told_and_the_answer_can_be_sent_all_the_same(page: Page, opened: Open) -> None:
    fake = opened()
    fake.items[1]["lease_ms"] = 600
    shown(page, 0)
    fake.fail("renew", 409, "lost", times=1)
    press(page, "1", "4", "Enter")
    shown(page, 1)
    expect(page.locator(".notice")).to_contain_text("Your time for this item ran out")
    press(page, "1", "5", "Enter")
    shown(page, 2)
    assert len(fake.answered) == 2


def test_an_erased_item_goes_with_its_draft(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("submit", 404, "no_item")
    press(page, "1", "4", "Enter")
    expect(page.get_by_role("heading", name="This item is gone")).to_be_visible()
    assert drafts(page) == []
    fake.declined.append("item-0")
    page.get_by_role("button", name="Next item").click()
    shown(page, 1)


def test_a_refused_answer_is_shown_at_its_question(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("submit", 422, "answers", question="quality")
    press(page, "1", "4", "Enter")
    expect(page.locator("[data-name=quality] .wrong")).to_have_text("It fails with answers.")
    press(page, "3", "Enter")
    shown(page, 1)


def test_who_was_signed_out_keeps_the_draft(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("submit", 401, "")
    press(page, "1", "4", "Enter")
    expect(page.get_by_role("link", name="Sign in again")).to_have_attribute(
        "href", "/sign-in?next=%2Freview"
    )
    assert [each["answers"] for each in drafts(page)] == [{"correct": True, "quality": 4}]


def test_the_page_comes_back_after_an_outage_by_itself(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("next", 503, "redis", times=1)
    page.reload()
    expect(page.locator("#problem")).to_contain_text("It fails with redis.")
    shown(page, 0)
    expect(page.locator("#problem")).to_be_hidden()


def test_a_replaced_version_leads_back_to_the_queues(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.fail("next", 409, "replaced")
    page.reload()
    expect(page.get_by_role("heading", name="Quality of answers")).to_be_visible()
    expect(page.locator("#problem")).to_have_text("It fails with replaced.")


def test_the_next_item_comes_with_the_answer_in_one_request(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/")[2]))
    press(page, "1", "4", "Enter")
    shown(page, 1)
    assert asked == ["submit"]
    assert fake.sent[-1][2]["next"] is True


def test_an_answer_that_brings_no_next_item_does_not_look_like_the_end(page: Page, opened: Open) -> None:
    fake = opened()
    shown(page, 0)
    fake.answered.append(("item-0", {}))
    fake.faults["submit"] = [(200, {"outcome": "answered", "queue": fake.document()})]
    fake.fail("next", 503, "rebuilding")
    press(page, "1", "4", "Enter")
    expect(page.get_by_role("heading", name="The next item is on its way")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("It fails with rebuilding.")
    page.get_by_role("button", name="Try again").click()
    shown(page, 1)
    expect(page.get_by_role("alert")).to_be_hidden()
