"""All kinds of questions of the page Review, by keyboard and by pointer, and what an item shows."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.review_page import press
from tests.support.review_fake import FakeReview, review_server
from tests.support.review_items import (
    CORRECTION,
    HEBREW,
    QUESTIONS,
    RANKING,
    compared,
    item,
    message,
    parcel,
    question,
    queue,
    with_everything,
)

pytestmark = pytest.mark.slow

Serve = Callable[..., FakeReview]
FIVE = ("Everest.", "K2.", "Mauna Kea.", "I do not know.", "Everest, 8,849 m.")


@pytest.fixture
def serve(page: Page) -> Iterator[Serve]:
    """Serves items with questions, and opens the first one in a page."""
    with ExitStack() as stack:

        def start(target: str, questions: Any, *items: dict[str, Any], at: Page = page) -> FakeReview:
            fake = FakeReview(queue(target, *questions), list(items))
            stack.enter_context(review_server(fake))
            at.add_init_script("localStorage.setItem('plaudit-review-read:quality/1', '1')")
            at.goto(fake.url + "#/quality/1")
            expect(at.locator("#item-title")).to_be_focused()
            return fake

        yield start


def sent(page: Page, fake: FakeReview) -> Any:
    """Sends what is answered, and gives the answers that arrived."""
    before = len(fake.answered)
    press(page, "Control+Enter")
    expect(page.get_by_role("heading", name="Nothing left for you here")).to_be_visible()
    assert len(fake.answered) == before + 1
    return fake.answered[-1][1]


def test_choices_by_keyboard(page: Page, serve: Serve) -> None:
    fake = serve("answer", QUESTIONS, parcel(1))
    press(page, "2", "5", "3", "j", "1", "3", "3", "4")
    assert sent(page, fake) == {
        "correct": False,
        "quality": 5,
        "tone": "rude",
        "faults": ["wrong facts", "unsafe"],
    }


@pytest.mark.parametrize(
    ("status", "told"),
    [
        pytest.param("partial", ["The answer is not complete."], id="partial"),
        pytest.param("cut", ["The answer was cut off."], id="cut"),
        pytest.param("error", ["The answer failed."], id="failed"),
        pytest.param("complete", [], id="complete"),
    ],
)
def test_how_far_an_answer_got_is_said(page: Page, serve: Serve, status: str, told: list[str]) -> None:
    shown = {**parcel(1), "answer": message("m2", "assistant", "It arr", status=status)}
    serve("answer", QUESTIONS, shown)
    expect(page.locator("[data-judged] .note")).to_have_text(told)


def test_choices_by_pointer_can_be_taken_back(page: Page, serve: Serve) -> None:
    fake = serve("answer", [{**each, "required": False} for each in QUESTIONS], parcel(1))
    page.get_by_text("Thumb up").click()
    page.get_by_text("friendly").click()
    page.get_by_text("Thumb up").click()
    page.locator("[data-name=quality]").get_by_text("3", exact=True).first.click()
    assert sent(page, fake) == {"quality": 3, "tone": "friendly"}


@pytest.mark.parametrize(
    ("minimum", "maximum", "key", "value"),
    [
        pytest.param(0, 10, "-", 10, id="from 0 to 10"),
        pytest.param(1, 10, "0", 10, id="from 1 to 10"),
        pytest.param(0, 3, "0", 0, id="a zero"),
        pytest.param(-2, 2, "1", -2, id="below zero"),
    ],
)
def test_the_keys_of_a_scale(
    page: Page, serve: Serve, minimum: int, maximum: int, key: str, value: int
) -> None:
    fake = serve(
        "answer", [question("q", "rating", "How good?", minimum=minimum, maximum=maximum)], parcel(1)
    )
    press(page, key)
    assert sent(page, fake) == {"q": value}


@pytest.mark.parametrize(
    ("keys", "groups", "none"),
    [
        pytest.param("2", [["a1"], ["a0"]], False, id="the second is better"),
        pytest.param("12", [["a1"], ["a0"]], False, id="a change of mind"),
        pytest.param("=", [["a0", "a1"]], False, id="a tie"),
        pytest.param("1=", [["a0", "a1"]], False, id="a tie after a choice"),
        pytest.param("10", [["a0"], ["a1"]], True, id="the better of two bad ones"),
        pytest.param("0", [["a0", "a1"]], True, id="neither"),
    ],
)
def test_two_answers_by_keyboard(page: Page, serve: Serve, keys: str, groups: Any, none: bool) -> None:
    fake = serve("answers", [RANKING], compared(1, "Everest.", "K2."))
    press(page, *keys)
    assert sent(page, fake) == {"better": {"groups": groups, "none_acceptable": none}}
    assert fake.sent[-1][2]["candidates"] == ["a0", "a1"]


@pytest.mark.parametrize(
    ("keys", "groups"),
    [
        pytest.param(["3", "1", "5", "2"], [["a2"], ["a0"], ["a4"], ["a1"], ["a3"]], id="the last follows"),
        pytest.param(
            ["3", "1", "=", "5", "2"], [["a2", "a0"], ["a4"], ["a1"], ["a3"]], id="a tie at the top"
        ),
        pytest.param(
            ["3", "1", "Backspace", "2", "5", "4"], [["a2"], ["a1"], ["a4"], ["a3"], ["a0"]], id="taken back"
        ),
        pytest.param(["3", "3", "1", "5", "2"], [["a2"], ["a0"], ["a4"], ["a1"], ["a3"]], id="pressed twice"),
        pytest.param(["="], [["a0", "a1", "a2", "a3", "a4"]], id="all the same"),
    ],
)
def test_five_answers_by_keyboard(page: Page, serve: Serve, keys: list[str], groups: Any) -> None:
    fake = serve("answers", [RANKING], compared(1, *FIVE))
    press(page, *keys)
    assert sent(page, fake) == {"better": {"groups": groups, "none_acceptable": False}}


def test_five_answers_by_pointer(page: Page, serve: Serve) -> None:
    fake = serve("answers", [RANKING], compared(1, *FIVE))
    for number in (1, 2, 3, 4):
        page.get_by_role("button", name=f"Answer {number}", exact=True).click()
    expect(page.locator("#heard")).to_contain_text("Answer 1, then Answer 2, then Answer 3")
    expect(page.locator(".candidates article").first.locator(".rank")).to_have_text("1.")
    page.get_by_role("button", name="Answer 5 up").click()
    page.get_by_role("button", name="= tie with above").first.click()
    page.get_by_role("button", name="Answer 1 down").click()
    page.get_by_label("None is acceptable").check()
    assert sent(page, fake) == {
        "better": {"groups": [["a1"], ["a0"], ["a2"], ["a4"], ["a3"]], "none_acceptable": True}
    }


def test_a_correction_begins_with_the_original(page: Page, serve: Serve) -> None:
    fake = serve("answer", [CORRECTION], parcel(1, "It arives **tomorrow**."))
    area = page.get_by_label("How should it read?")
    expect(area).to_have_value("It arives **tomorrow**.")
    assert sent(page, fake) == {}
    fake.answered.clear()
    page.get_by_role("button", name="Look again").click()
    press(page, "e")
    area.fill("It arrives **tomorrow**.")
    assert sent(page, fake) == {"better_text": "It arrives **tomorrow**."}


def test_a_required_correction_may_say_that_nothing_is_wrong(page: Page, serve: Serve) -> None:
    fake = serve("answer", [{**CORRECTION, "required": True}], parcel(1, "It arrives."))
    press(page, "Control+Enter")
    expect(page.locator(".wrong")).to_have_text("This question needs an answer.")
    press(page, "1")
    assert sent(page, fake) == {"better_text": "It arrives."}


def test_the_best_of_the_answers_is_corrected(page: Page, serve: Serve) -> None:
    fake = serve("answers", [RANKING, CORRECTION], compared(1, "Everst.", "K2."))
    area = page.get_by_label("How should it read?")
    expect(area).to_be_disabled()
    press(page, "2")
    expect(area).to_have_value("K2.")
    press(page, "1")
    expect(area).to_have_value("Everst.")
    area.fill("Everest.")
    assert sent(page, fake) == {
        "better": {"groups": [["a0"], ["a1"]], "none_acceptable": False},
        "better_text": "Everest.",
    }


@pytest.mark.parametrize("kind", ["demonstration", "prompt", "text"])
def test_texts_are_written(page: Page, serve: Serve, kind: str) -> None:
    target = "topic" if kind == "prompt" else "prompt"
    shown = item(
        "item-1",
        target,
        [] if kind == "prompt" else [message("m1", "user", "Where is it?")],
        prompt=None if kind == "prompt" else "m1",
        topic={"name": "parcels", "number": 3, "help_html": "<p>Ask for <b>one</b> thing.</p>"}
        if kind == "prompt"
        else None,
    )
    fake = serve(target, [question("t", kind, "Write it")], shown)
    press(page, "Enter")
    page.keyboard.type("It arrives\ntomorrow? 1 g")
    expect(page.locator(".written")).to_contain_text("5 words, 24 characters")
    assert sent(page, fake) == {"t": "It arrives\ntomorrow? 1 g"}


def test_everything_of_an_item_is_shown_and_nothing_of_it_runs(page: Page, serve: Serve) -> None:
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    fake = serve("answer", QUESTIONS, with_everything())
    context = page.locator(".context")
    expect(context.get_by_text("<script>alert(1)</script> is shown as text.")).to_be_visible()
    expect(context.get_by_role("link", name="docs")).to_have_attribute("rel", "noopener noreferrer nofollow")
    expect(context.get_by_text("Earlier message number 1,")).to_be_hidden()
    expect(context.get_by_text("The user wants the style guide")).to_be_hidden()
    expect(context.get_by_text("2 other branches here")).to_be_visible()
    expect(page.get_by_text("Suggested by scorer-1: 0.82")).to_be_visible()
    press(page, "o")
    for text in (
        "Earlier message number 1,",
        "The user wants the style guide",
        '"query": "count words"',
        "collections.Counter",
    ):
        expect(context.get_by_text(text).first).to_be_visible()
    press(page, "o")
    expect(context.get_by_text("Earlier message number 1,")).to_be_hidden()
    press(page, "1", "4", "2")
    sent(page, fake)
    assert fake.sent[-1][2]["suggestion_shown"] is True
    assert alerts == []


def test_long_and_right_to_left_texts(page: Page, serve: Serve) -> None:
    serve("answer", QUESTIONS, parcel(1, HEBREW + "\n\n" + "long " * 5000))
    said = page.locator(".message[data-judged] > .said")
    hebrew = said.locator("p").first
    assert hebrew.evaluate("each => getComputedStyle(each.parentElement).direction") == "rtl"
    box, text = (
        said.bounding_box(),
        hebrew.evaluate(
            "each => { const range = document.createRange(); range.selectNodeContents(each);"
            " return range.getBoundingClientRect().right }"
        ),
    )
    assert box is not None
    assert box["x"] + box["width"] - text < 30
    assert said.evaluate("each => each.clientHeight < each.scrollHeight")
    page.get_by_role("button", name="Show all").click()
    assert said.evaluate("each => each.clientHeight >= each.scrollHeight - 4")


@pytest.mark.parametrize(
    "shown", [with_everything(), compared(1, *FIVE), parcel(1, "x" * 3000)], ids=["all", "five", "one word"]
)
def test_a_phone_never_scrolls_sideways(browser: Browser, serve: Serve, shown: dict[str, Any]) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    questions = [RANKING] if shown["kind"] == "answers" else [*QUESTIONS, CORRECTION]
    serve(shown["kind"], questions, shown, at=page)
    press(page, "o")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for target in page.locator(".choice:visible, .send button").all():
        box = target.bounding_box()
        assert box is not None
        assert box["height"] >= 44
    context.close()


def test_a_screen_reader_finds_names_for_everything(page: Page, serve: Serve) -> None:
    serve("answer", [*QUESTIONS, CORRECTION], with_everything())
    nameless = page.evaluate(
        """() => {
          const labelled = (one) => [...(one.labels ?? [])].some((label) => label.textContent.trim());
          const named = (one) => one.getAttribute("aria-label") || one.textContent.trim() || labelled(one);
          const all = document.querySelectorAll("#screen :is(button, a, textarea, select, input, progress)");
          return [...all].filter((one) => !named(one)).map((one) => one.outerHTML);
        }"""
    )
    assert nameless == []
    expect(page.get_by_role("group", name="How good is it?")).to_be_visible()
    expect(page.get_by_role("region", name="The answer to judge")).to_be_visible()
    expect(page.get_by_role("form", name="Your answers")).to_be_visible()
    expect(page.locator("#heard")).to_have_attribute("role", "status")
