"""Two answers side by side, in a real Chromium, on a producer in memory."""

import re
from collections.abc import Iterator

import pytest
from plaudit_schemas.contract.events import AddMessage, CompareMessages
from playwright.sync_api import Page, expect

from tests.e2e.page_server import PageHands, PageServer, recorded, serve_models
from tests.support.chat_endpoint import chat_endpoint


@pytest.fixture(scope="module")
def fluent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    """A page whose models all have words: the second one of two is any other."""
    folder = tmp_path_factory.mktemp("page")
    with (
        chat_endpoint() as endpoint,
        serve_models(folder, endpoint, ("counting", "echo", "thinking")) as started,
    ):
        yield started


@pytest.mark.parametrize(
    ("button", "none_acceptable"),
    [
        ("A is better", False),
        pytest.param("Equally good", False, marks=pytest.mark.slow),
        pytest.param("Both are bad", True, marks=pytest.mark.slow),
    ],
    ids=["one-is-better", "tie", "both-bad"],
)
def test_two_answers_are_compared_blindly(
    fluent: PageServer, page: Page, button: str, none_acceptable: bool
) -> None:
    fluent.producer.clear()
    hands = PageHands(page, fluent.url)
    hands.page.get_by_label("Two answers side by side").check()
    hands.send("which?")
    expect(hands.button(button)).to_be_visible()
    assert not re.search("counting|echo|thinking", hands.page.locator("#talk").inner_html())
    hands.button(button).click()
    expect(hands.page.locator("#pair")).to_be_hidden()
    expect(hands.page.locator("#notice")).to_contain_text("Answer A was from")
    [comparison] = recorded(fluent, CompareMessages, 1)
    assert len(comparison.ranking) == (2 if button == "A is better" else 1)
    assert comparison.none_acceptable is none_acceptable
    if button == "A is better":
        assert comparison.ranking[0] == [comparison.candidates[0]]
    answers = {body.message_id: body for body in recorded(fluent, AddMessage, 3)[1:]}
    assert [answers[one].metadata["side"] for one in comparison.candidates] == ["left", "right"]
