"""The chat page in a real Chromium, on a producer in memory.

Marks are clicked: a drawing that is on its way may set one back for a moment, and `check` would fail.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from plaudit_schemas.contract.events import (
    AddMessage,
    EndConversation,
    StartConversation,
    UpdateConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Correction, Label, Number, Signal, Text, Thumb
from playwright.sync_api import Browser, Page, expect

from harness.waiting import eventually
from tests.e2e.page_server import PageHands, PageServer, recorded, said, serve_models
from tests.support.chat_endpoint import ChatEndpoint, chat_endpoint

pytestmark = pytest.mark.slow  # minutes in all; test_gradio_pair.py tries the page without --slow

MODELS = ("counting", "echo", "held", "rate-limited", "cut", "thinking")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[ChatEndpoint]:
    with chat_endpoint() as started:
        yield started


@pytest.fixture(scope="module")
def server(endpoint: ChatEndpoint, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageServer]:
    with serve_models(tmp_path_factory.mktemp("page"), endpoint, MODELS) as started:
        yield started


@pytest.fixture
def hands(server: PageServer, page: Page, endpoint: ChatEndpoint) -> PageHands:
    server.producer.clear()
    while endpoint.may_send():  # what a test before this one let `held` send
        pass
    return PageHands(page, server.url)


def test_a_question_is_answered_as_it_was_written(server: PageServer, hands: PageHands) -> None:
    hands.choose("echo")
    hands.ask("  one\n\ttwo  \U0001f600 ")
    start, question, answer = server.bodies()
    assert isinstance(start, StartConversation)
    assert start.consent == "unspecified"
    assert (question.role, question.content) == ("user", "  one\n\ttwo  \U0001f600 ")
    assert (answer.role, answer.status, answer.model.id) == ("assistant", "complete", "echo")
    assert answer.parent_id == question.message_id
    expect(hands.bubbles.last).to_contain_text("You said:")


def test_a_thumb_has_three_states(server: PageServer, hands: PageHands) -> None:
    hands.ask("hello")
    hands.button("Like").click()
    hands.button("Liked").click()
    expect(hands.button("Like")).to_be_visible()
    hands.button("Dislike").click()
    assert said(server, 3) == [
        ("thumb", Thumb(like=True)),
        ("thumb", None),
        ("thumb", Thumb(like=False)),
    ]
    expect(hands.button("Disliked")).to_be_visible()


def test_an_older_drawing_that_comes_late_does_not_stay(server: PageServer, hands: PageHands) -> None:
    hands.ask("hello")
    shown = hands.page.locator("#shown [data-drawn]")
    newest = int(shown.get_attribute("data-drawn") or 0)
    # What two answers of the server in the wrong order leave behind.
    shown.evaluate("one => { one.dataset.shown = '[]'; one.dataset.drawn = '1'; }")
    eventually(lambda: int(shown.get_attribute("data-drawn") or 0) > newest, "the page draws anew")
    expect(hands.page.locator("#chat-log .message-row[data-message-id]")).to_have_count(2)


def test_thumbs_stay_lit_after_the_next_message(server: PageServer, hands: PageHands) -> None:
    hands.ask("hello")
    hands.button("Like").click()
    expect(hands.button("Liked")).to_have_count(1)
    hands.ask("and again")
    expect(hands.button("Liked")).to_have_count(1)
    hands.page.reload()
    expect(hands.button("Liked")).to_have_count(1)


def test_what_was_wrong_is_asked_after_a_dislike(server: PageServer, hands: PageHands) -> None:
    hands.ask("hello")
    expect(hands.page.locator("#wrong")).to_be_hidden()
    hands.button("Dislike").click()
    wrong = hands.page.locator("#wrong")
    wrong.get_by_label("incomplete").click()
    wrong.get_by_role("textbox").fill("it says nothing")
    hands.button("Done").click()
    expect(wrong).to_be_hidden()
    assert said(server, 3)[1:] == [
        ("label", Label(labels=("incomplete",))),
        ("text", Text(text="it says nothing")),
    ]


def test_stars_and_words_about_the_clicked_message(server: PageServer, hands: PageHands) -> None:
    hands.ask("first")
    hands.ask("second")
    first = [body.message_id for body in server.bodies() if isinstance(body, AddMessage)][1]
    hands.bubbles.nth(1).click()
    panel = hands.page.locator("#message-panel")
    expect(hands.bubbles.nth(1)).to_have_attribute("data-selected", "yes")
    panel.get_by_label("4 stars").click()
    panel.get_by_role("button", name="Take back").click()
    panel.get_by_label("2 stars").click()
    box = panel.get_by_label("What do you say")
    box.fill("too short")
    box.press("Enter")
    assert said(server, 4) == [
        ("number", Number(number=4, minimum=1, maximum=5)),
        ("number", None),
        ("number", Number(number=2, minimum=1, maximum=5)),
        ("text", Text(text="too short")),
    ]
    assert {body.message_id for body in server.bodies() if isinstance(body, UpdateMessage)} >= {first}


def test_another_answer_is_a_sibling_with_its_own_vote(server: PageServer, hands: PageHands) -> None:
    hands.ask("hello")
    hands.button("Like").click()
    expect(hands.button("Liked")).to_be_visible()
    hands.button("Answer again").click()
    expect(hands.bubbles.last).to_have_attribute("data-note", re.compile("2 of 2"))
    expect(hands.button("Liked")).to_be_hidden()
    hands.is_done()
    hands.button("Dislike").click()
    _, first, second = recorded(server, AddMessage, 3)
    assert first.parent_id == second.parent_id
    votes = {
        body.message_id: body.feedback.value
        for body in server.bodies()
        if isinstance(body, UpdateMessage) and body.feedback.kind == "thumb"
    }
    eventually(lambda: len(said(server, 2)) == 2, "both votes")
    hands.button("‹ Earlier").click()
    expect(hands.button("Liked")).to_be_visible()
    assert votes[first.message_id] == Thumb(like=True)


def test_a_stopped_answer_is_kept_as_cut(
    server: PageServer, hands: PageHands, endpoint: ChatEndpoint
) -> None:
    hands.choose("held")
    hands.send("one two three")
    endpoint.release(2)
    expect(hands.bubbles.last).to_contain_text("You")
    hands.button("Stop").click()
    expect(hands.bubbles.last).to_have_attribute("data-note", re.compile("Stopped here"))
    answer = recorded(server, AddMessage, 2)[1]
    assert answer.status == "cut"
    assert answer.content
    assert "You said: one two three".startswith(answer.content.strip())


def test_an_edited_answer_is_a_correction_and_is_sent_as_chosen(
    server: PageServer, hands: PageHands, endpoint: ChatEndpoint
) -> None:
    hands.choose("echo")
    hands.ask("hello")
    hands.button("Edit").last.click()
    hands.page.locator(".edit-textarea").fill("You said: good day")
    hands.button("Submit").click()
    assert said(server, 1) == [("correction", Correction(content="You said: good day"))]
    expect(hands.bubbles.last).to_contain_text("You said: hello")
    expect(hands.bubbles.last).to_have_attribute("data-note", re.compile("corrected by you"))
    hands.ask("next")
    assert [turn["content"] for turn in endpoint.requests[-1].body["messages"]][:2] == [
        "hello",
        "You said: good day",
    ]
    hands.bubbles.nth(1).click()
    hands.page.get_by_role("button", name="Correct it").click()
    hands.page.get_by_label("its own answer").click()
    eventually(lambda: _sends_own(hands, endpoint), "the model is sent its own answer")


def _sends_own(hands: PageHands, endpoint: ChatEndpoint) -> bool:
    hands.ask("once more")
    return bool(endpoint.requests[-1].body["messages"][1]["content"] == "You said: hello")


def test_an_edited_question_is_asked_anew_beside_the_first(server: PageServer, hands: PageHands) -> None:
    hands.ask("first")
    hands.button("Edit").first.click()
    hands.page.locator(".edit-textarea").fill("second")
    hands.button("Submit").click()
    expect(hands.bubbles.last).to_contain_text("second")
    hands.is_done()
    one, _, two, answer = recorded(server, AddMessage, 4)
    assert (one.content, two.content) == ("first", "second")
    assert one.parent_id == two.parent_id == ""
    assert answer.parent_id == two.message_id


def test_clear_ends_the_chat(server: PageServer, hands: PageHands) -> None:
    hands.ask("hello")
    hands.button("Clear chat").click()
    expect(hands.bubbles).to_have_count(0)
    [end] = recorded(server, EndConversation, 1)
    assert end.reason == "cleared"
    hands.ask("another")
    assert len({event.conversation_id for event in server.events()}) == 2


def test_two_visitors_do_not_mix_and_a_reload_goes_on(
    server: PageServer, hands: PageHands, browser: Browser
) -> None:
    hands.ask("mine")
    context = browser.new_context()
    other = PageHands(context.new_page(), server.url)
    expect(other.bubbles).to_have_count(0)
    other.ask("theirs")
    hands.page.reload()
    expect(hands.bubbles).to_have_count(2)
    expect(hands.bubbles.first).to_have_text("mine")
    hands.ask("mine again")
    context.close()
    chats: dict[str, list[str]] = {}
    for event in server.events():
        if isinstance(event.body, AddMessage) and event.body.role == "user":
            chats.setdefault(event.conversation_id, []).append(event.body.content)
    assert sorted(chats.values()) == [["mine", "mine again"], ["theirs"]]


def test_a_reload_during_an_answer_follows_it(
    server: PageServer, hands: PageHands, endpoint: ChatEndpoint
) -> None:
    hands.choose("held")
    hands.send("one two three")
    endpoint.release(1)
    expect(hands.bubbles).to_have_count(2)
    hands.page.reload()
    expect(hands.button("Stop")).to_be_visible()
    endpoint.release(50)
    expect(hands.bubbles.last).to_contain_text("You said: one two three")
    hands.is_done()
    assert recorded(server, AddMessage, 2)[1].status == "complete"


def test_consent_is_asked_once_and_can_be_changed(server: PageServer, hands: PageHands) -> None:
    hands.button("Yes").click()
    expect(hands.page.locator("#consent")).to_be_hidden()
    hands.ask("hello")
    assert recorded(server, StartConversation, 1)[0].consent == "granted"
    hands.page.reload()
    expect(hands.bubbles).to_have_count(2)
    expect(hands.page.locator("#consent")).to_be_hidden()
    hands.page.get_by_role("button", name="Settings").click()
    hands.page.locator("#settings").get_by_label("No", exact=True).click()
    assert recorded(server, UpdateConversation, 1)[0].consent == "denied"
    eventually(
        lambda: "plaudit_consent=denied" in hands.page.evaluate("document.cookie"), "the browser keeps it"
    )


@pytest.mark.parametrize(
    ("model", "sentence", "status"),
    [("rate-limited", "7 seconds", "error"), ("cut", "broke", "cut")],
    ids=["too-many-requests", "broken-stream"],
)
def test_an_error_is_a_sentence_on_the_answer(
    server: PageServer, hands: PageHands, model: str, sentence: str, status: str
) -> None:
    hands.choose(model)
    hands.ask("hello")
    answer = recorded(server, AddMessage, 2)[1]
    assert answer.status == status
    error = answer.metadata["error"]
    assert error.endswith(".")
    expect(hands.bubbles.last).to_have_attribute("data-note", re.compile(re.escape(error)))
    assert sentence in error
    hands.choose("echo")
    hands.ask("and now?")
    expect(hands.bubbles.last).to_contain_text("and now?")


def test_copying_and_reading_are_signals(server: PageServer, hands: PageHands) -> None:
    hands.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    hands.ask("hello")
    hands.button("Copy message").last.click()

    def signals() -> dict[str, Signal]:
        found = {}
        for body in server.bodies():
            if isinstance(body, UpdateMessage) and isinstance(body.feedback.value, Signal):
                found[body.feedback.value.name] = body.feedback.value
        return found

    eventually(lambda: "copied" in signals(), "a copy is recorded")
    seen_at = hands.page.evaluate("performance.now()")
    eventually(lambda: hands.page.evaluate("performance.now()") > seen_at + 3500, "it was looked at")
    hands.page.reload()
    eventually(lambda: "dwell_seconds" in signals(), "the time of reading is recorded")
    number = signals()["dwell_seconds"].number
    assert number is not None
    assert 1 <= number < 60


def test_an_outage_of_kafka_does_not_stop_the_chat(server: PageServer, hands: PageHands) -> None:
    server.producer.go_offline()
    try:
        hands.ask("hello")
        hands.button("Like").click()
        expect(hands.button("Liked")).to_be_visible()
        assert server.bodies() == []
    finally:
        server.producer.go_online()
    assert said(server, 1) == [("thumb", Thumb(like=True))]
    recorded(server, AddMessage, 2)


def test_nothing_is_asked_of_another_host(server: PageServer, page: Page, endpoint: ChatEndpoint) -> None:
    server.producer.clear()
    hosts: list[str] = []
    blocked: list[str] = []
    page.on("request", lambda request: hosts.append(urlsplit(request.url).netloc))
    page.on("requestfailed", lambda request: blocked.append(f"{request.url} {request.failure}"))
    hands = PageHands(page, server.url)
    hands.choose("echo")
    hands.ask(f"![x]({endpoint.url}/seen.png) <img src={endpoint.url}/seen.png>")
    hands.button("Dislike").click()
    expect(page.locator("#wrong")).to_be_visible()
    own = urlsplit(server.url).netloc
    elsewhere = [host for host in hosts if host and host != own]
    assert set(elsewhere) <= {urlsplit(endpoint.url).netloc}
    assert len(elsewhere) == len([one for one in blocked if "seen.png csp" in one])
    assert not [request for request in endpoint.requests if "seen" in request.path]


def test_guidelines_and_reasoning_are_shown(server: PageServer, hands: PageHands) -> None:
    expect(hands.page.locator("#guidelines strong")).to_have_text("right")
    hands.choose("thinking")
    hands.ask("hello")
    hands.page.get_by_role("button", name="Reasoning").click()
    expect(hands.page.locator("#thoughts")).to_contain_text("The user said something.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(server: PageServer, browser: Browser, scheme: Any) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, color_scheme=scheme
    )
    hands = PageHands(context.new_page(), server.url)
    hands.choose("echo")
    hands.ask("word " * 50 + "x" * 300 + "\n```\n" + "y" * 300 + "\n```")
    hands.button("Dislike").click()
    expect(hands.page.locator("#wrong")).to_be_visible()
    assert hands.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()
