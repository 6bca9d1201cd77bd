"""The lead's view of the page Review in Chromium, on a stand-in for its server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.review_fake import FakeReview, review_server
from tests.support.review_figures import FIGURES
from tests.support.review_items import QUESTIONS, RANKING, compared, parcel, queue

pytestmark = pytest.mark.slow

Serve = Callable[..., FakeReview]


@pytest.fixture
def serve(page: Page) -> Iterator[Serve]:
    """Serves a queue to a lead, and opens its figures."""
    with ExitStack() as stack:

        def start(**more: Any) -> FakeReview:
            fake = FakeReview(queue("answer", *QUESTIONS), [parcel(at) for at in range(3)], lead=True, **more)
            stack.enter_context(review_server(fake))
            page.goto(fake.url)
            page.get_by_role("link", name="Quality and disagreements").click()
            expect(page.get_by_role("heading", name="Progress")).to_be_visible()
            return fake

        yield start


def waiting(*numbers: int, mine: int | None = None) -> list[dict[str, Any]]:
    """What is to be settled."""
    return [
        {"item": f"item-{at}", "kind": "answer", "questions": ["correct"], "verdicts": 3, "mine": at == mine}
        for at in numbers
    ]


def said(**answers: Any) -> list[dict[str, Any]]:
    """Answers of reviewers to one item."""
    return [{"reviewer": name, "answers": each, "surplus": False} for name, each in answers.items()]


def test_all_figures_are_shown_with_their_intervals(page: Page, serve: Serve) -> None:
    serve(quality=FIGURES)
    expect(page.get_by_role("definition").filter(has_text="30 of 40, 2 declined")).to_be_visible()
    agreement = page.get_by_role("region", name="Agreement by question")
    expect(agreement.get_by_role("row").nth(1)).to_contain_text("0.61 0.50 to 0.71")
    expect(agreement.get_by_role("row").nth(3)).to_contain_text("–")
    anna, cleo = (
        page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=name))
        for name in ("anna", "cleo")
    )
    expect(anna).to_contain_text("95 % 76 % to 99 %, 19 of 20")
    expect(cleo).to_contain_text("Look at: below the others on control questions and what others said")
    machines = page.get_by_role("region", name="Models against people")
    expect(machines.get_by_role("row").nth(1)).to_contain_text("scorer:1, quality")
    expect(machines.get_by_role("row").nth(1)).to_contain_text("0.83")
    expect(page.get_by_role("region", name="Verdicts by day").get_by_role("row")).to_have_count(4)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Settle the first disagreement")


def test_figures_are_looked_at_again_without_a_hand(page: Page, serve: Serve) -> None:
    page.clock.install()
    fake = serve(quality={**FIGURES, "reviewers": [], "days": []}, disagreements=waiting(0, 1))
    expect(page.get_by_text("No verdicts yet.")).to_be_visible()
    page.get_by_role("link", name="Settle item 2").focus()
    fake.quality, fake.disagreements = FIGURES, waiting(2, 0, 1)
    page.clock.run_for(20_000)
    expect(page.get_by_role("rowheader", name="anna")).to_be_visible()
    expect(page.get_by_role("link", name="Settle item 3")).to_be_focused()  # it was the second one
    page.get_by_role("link", name="Queues").click()
    expect(page.get_by_role("link", name="Quality and disagreements")).to_be_visible()


def test_disagreements_are_settled_by_keyboard(page: Page, serve: Serve) -> None:
    answers = said(
        anna={"correct": True, "quality": 4, "tone": "neutral"},
        ben={"correct": False, "quality": 4, "tone": "rude"},
    )
    fake = serve(
        quality=FIGURES,
        disagreements=waiting(0, 1, 2, mine=0),
        verdicts={f"item-{at}": answers for at in range(3)},
    )
    expect(page.get_by_text("you answered it, so somebody else settles it")).to_be_visible()
    page.keyboard.press("s")
    expect(page.locator(".context")).to_contain_text("parcel number 1?")
    table = page.get_by_role("region", name="What reviewers said")
    expect(table.get_by_role("columnheader")).to_have_text(["anna", "ben"])
    expect(table.get_by_role("row").nth(1)).to_contain_text("thumb up")
    expect(table.locator("tr[data-differs]")).to_have_count(2)
    for key in ("2", "4", "3", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".context")).to_contain_text("parcel number 2?")
    what, name, body = fake.sent[-1]
    assert (what, name, body["answers"]) == (
        "adjudicate",
        "item-1",
        {"correct": False, "quality": 4, "tone": "rude"},
    )
    page.keyboard.press("n")
    expect(page.get_by_role("heading", name="Nothing left to settle")).to_be_visible()
    page.keyboard.press("q")
    expect(page.get_by_role("heading", name="Progress")).to_be_visible()


def test_rankings_are_told_in_words(page: Page, serve: Serve) -> None:
    verdict = {"better": {"groups": [["a1"], ["a0", "a2"]], "none_acceptable": True}}
    fake = serve(quality=FIGURES)
    fake.queue, fake.items = queue("answers", RANKING), [compared(0, "Everest.", "K2.", "Mauna Kea.")]
    fake.disagreements, fake.verdicts = waiting(0), {"item-0": said(anna=verdict)}
    page.reload()
    page.keyboard.press("r")
    page.locator("a.settle").click()
    expect(page.get_by_role("region", name="What reviewers said")).to_contain_text(
        "Answer 2 > Answer 1 = Answer 3 (none acceptable)"
    )


def test_an_outage_while_settling_repeats_the_same_word(page: Page, serve: Serve) -> None:
    fake = serve(quality=FIGURES, disagreements=waiting(0), verdicts={"item-0": said(anna={"correct": True})})
    page.keyboard.press("Enter")
    expect(page.locator(".context")).to_contain_text("parcel number 0?")
    fake.fail("adjudicate", 503, "kafka")
    for key in ("1", "4", "1", "Enter"):
        page.keyboard.press(key)
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_role("heading", name="Nothing left to settle")).to_be_visible()
    first, again = (body for what, _, body in fake.sent if what == "adjudicate")
    assert first == again


def test_an_item_that_was_settled_meanwhile_is_passed_by(page: Page, serve: Serve) -> None:
    fake = serve(quality=FIGURES, disagreements=waiting(0, 1), verdicts={})
    page.keyboard.press("s")
    expect(page.locator(".context")).to_contain_text("parcel number 0?")
    fake.fail("adjudicate", 409, "agreed")
    for key in ("1", "4", "1", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#problem")).to_contain_text("It fails with agreed.")
    page.locator("#problem").get_by_role("button", name="Next").click()
    expect(page.locator(".context")).to_contain_text("parcel number 1?")
    expect(page.locator("#problem")).to_be_hidden()


def test_figures_that_cannot_be_read_are_told(page: Page, serve: Serve) -> None:
    fake = serve(quality=FIGURES)
    fake.fail("quality", 503, "redis")
    page.keyboard.press("r")
    expect(page.locator("#problem")).to_contain_text("It fails with redis.")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#problem")).to_be_hidden()


def test_no_queues_says_how_to_begin(page: Page, serve: Serve) -> None:
    fake = serve(quality=FIGURES)
    fake.queue = {}
    page.goto(fake.url)
    page.reload()
    expect(page.get_by_role("heading", name="No queues yet")).to_be_visible()
    expect(page.get_by_text("plaudit review publish FILE")).to_be_visible()
