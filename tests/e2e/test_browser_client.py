"""The browser client in a real Chromium, against a real gateway on real servers."""

import json
import re

import httpx
import pytest
from plaudit_schemas.contract.events import (
    AddMessage,
    CompareMessages,
    EndConversation,
    StartConversation,
    UpdateMessage,
)
from plaudit_schemas.contract.feedback import Correction, Number, Signal, Text, Thumb
from playwright.sync_api import Page, Route

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.e2e.chat_page import Chat, OpenChat

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

TEXTS = [
    "  leading blanks",
    "",
    "\U0001f600\U0001d11e beyond the BMP",
    "a\u0000b\r\n\ttab",
    "e\u0301 \u2028 </script>",
]


def added(one: Chat) -> list[str]:
    """The texts of messages in the log, each event once: a page that goes may send again what arrived."""
    events = {event.event_id: event.body for event in one.log()}
    return [body.content for body in events.values() if isinstance(body, AddMessage)]


def test_every_kind_of_event_arrives_once_in_order_and_to_the_byte(chat: OpenChat) -> None:
    one = chat(roles=["user", "assistant"], grants=["start", "consent", "tags"])
    made = one.run(
        """(texts) => {
          const model = { id: "answerer", version: "2" };
          chat.start({ model, consent: "granted", tags: { locale: "de-CH" } });
          const users = texts.map((text) => chat.add("user", text));
          const first = chat.add("assistant", "first", { parentId: users.at(-1), latency_ms: 12 });
          const second = chat.add("assistant", "second", { parentId: users.at(-1) });
          chat.like(first);
          chat.dislike(second, { comment: texts[2] });
          chat.rate(null, 4.5);
          chat.comment(first, texts[0], { aspect: "tone" });
          chat.correct(second, texts[4]);
          chat.signal(first, "dwell_seconds", 3);
          chat.withdraw(second, "thumb");
          chat.compare([first, second], [second, first], { comment: texts[3] });
          chat.end("cleared");
          return { users, first, second };
        }""",
        TEXTS,
    )
    one.flush()
    events = one.log()
    bodies = [event.body for event in events]
    assert [type(body).__name__ for body in bodies] == [
        "StartConversation", *["AddMessage"] * 7, *["UpdateMessage"] * 7, "CompareMessages",
        "EndConversation",
    ]  # fmt: skip
    start, messages, compare, end = bodies[0], bodies[1:8], bodies[15], bodies[16]
    assert isinstance(start, StartConversation)
    assert (start.model.id if start.model else "", start.user_id, start.consent) == (
        "answerer",
        "u-1",
        "granted",
    )
    contents = [message.content for message in messages if isinstance(message, AddMessage)]
    assert contents == [*TEXTS, "first", "second"]
    feedback = [body.feedback for body in bodies if isinstance(body, UpdateMessage)]
    assert [each.value for each in feedback] == [
        Thumb(like=True), Thumb(like=False), Number(number=4.5, minimum=1, maximum=5), Text(text=TEXTS[0]),
        Correction(content=TEXTS[4]), Signal(name="dwell_seconds", number=3), None,
    ]  # fmt: skip
    assert (feedback[1].comment, feedback[3].aspect, feedback[6].kind) == (TEXTS[2], "tone", "thumb")
    assert isinstance(compare, CompareMessages)
    assert compare.ranking == [[made["second"]], [made["first"]]]
    assert compare.comment == TEXTS[3]
    assert end == EndConversation(reason="cleared")
    assert [event.sequence for event in events] == list(range(len(events)))
    assert {(event.source, event.application) for event in events} == {("gateway", "shop")}
    assert one.run("() => refused") == []
    assert one.stored() == {}


def test_a_page_is_told_what_is_refused_and_the_rest_goes_on(chat: OpenChat) -> None:
    one = chat()
    one.run(
        """() => {
          chat.add("assistant", "what the model never said");
          chat.add("user", "half a pair \\ud800 of surrogates");
          chat.rate(null, 9);
          chat.like("m1", { rater: { kind: "reviewer" } });
          chat.add("user", "still here");
        }"""
    )
    one.flush()
    assert [each["reason"] for each in one.run("() => refused")] == ["forbidden", "invalid", "forbidden"]
    assert added(one) == [
        "half a pair \ufffd of surrogates",
        "still here",
    ]


@pytest.mark.slow
def test_what_fails_is_sent_again_with_the_same_ids(chat: OpenChat) -> None:
    one = chat()
    seen: list[list[str]] = []

    def flaky(route: Route) -> None:
        events = json.loads(route.request.post_data or "[]")
        seen.append([event["event_id"] for event in events])
        if len(seen) == 1:
            route.abort()
        elif len(seen) == 2:
            route.fulfill(
                status=503, headers={"Retry-After": "0", "Access-Control-Allow-Origin": "*"}, body="{}"
            )
        elif len(seen) == 3:
            route.fulfill(status=200, headers={"Access-Control-Allow-Origin": "*"}, body="<html>a login page")
        else:
            if len(seen) == 4:  # taken, but the answer is lost
                route.fetch()
                route.abort()
                return
            route.continue_()

    one.page.route("**/v1/events", flaky)
    one.run('() => { chat.add("user", "one"); chat.add("user", "two"); }')
    one.flush()
    assert len(seen) >= 5
    assert all(batch[0] == seen[0][0] for batch in seen[:4])
    events = one.log()
    assert {event.event_id for event in events} == {name for batch in seen for name in batch}
    assert len({event.event_id for event in events}) == 2


def test_a_page_that_is_left_sends_its_last_events_by_beacon(chat: OpenChat) -> None:
    one = chat()
    one.run("() => chat.flush(60000)")
    one.page.route("**/v1/events", lambda route: route.abort())
    one.run('() => { chat.add("user", "before"); }')
    eventually(lambda: bool(one.stored()), "the event is kept")
    one.run("() => fetch('/nothing').catch(() => 0)")
    one.page.goto("about:blank")
    eventually(lambda: len(one.log()) == 1, "the beacon's event is in Kafka")
    one.page.unroute("**/v1/events")
    one.open()
    one.flush()
    assert len(one.log()) == 1  # sent again with the same id, which the gateway knew
    assert one.stored() == {}


TURN = """(state) => {
  Object.defineProperty(document, "visibilityState", { configurable: true, value: state });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_beacon_begins_with_what_an_earlier_one_may_have_lost(chat: OpenChat) -> None:
    one = chat()
    one.run("() => chat.flush(60000)")
    one.page.route("**/v1/events", lambda route: route.abort())
    one.run(
        """() => {
          const send = navigator.sendBeacon.bind(navigator);
          window.taken = 0;
          window.lose = true;
          navigator.sendBeacon = (...given) => { taken += 1; return lose || send(...given); };
          chat.add("user", "a");
          chat.add("user", "b");
        }"""
    )
    one.run(TURN, "hidden")
    one.run(TURN, "hidden")
    assert one.run("() => taken") == 1  # nothing new while the page stays away
    one.run(TURN, "visible")
    one.run('() => { window.lose = false; chat.add("user", "c"); }')
    one.run(TURN, "hidden")
    eventually(lambda: len(one.log()) == 3, "the second beacon's events are in Kafka")
    one.page.unroute("**/v1/events")
    one.flush()
    said = added(one)
    assert said == ["a", "b", "c"]


@pytest.mark.slow
def test_a_body_that_took_too_long_is_sent_in_parts(chat: OpenChat) -> None:
    one = chat()
    sizes: list[int] = []

    def slow(route: Route) -> None:
        sizes.append(len(json.loads(route.request.post_data or "[]")))
        if sizes[-1] > 2:
            route.fulfill(status=408, headers={"Access-Control-Allow-Origin": "*"}, body="{}")
        else:
            route.continue_()

    one.page.route("**/v1/events", slow)
    one.run("() => { for (let n = 0; n < 8; n += 1) chat.add('user', `${n}`); }")
    one.flush()
    assert max(sizes) > 2
    assert added(one) == [str(number) for number in range(8)]


def test_the_queue_outlives_the_page_and_is_bounded(chat: OpenChat) -> None:
    one = chat()
    one.page.route("**/v1/**", lambda route: route.abort())
    one.run(
        """(token) => {
          window.dropped = 0;
          chat.close();
          window.chat = made({ token, maxQueued: 3, onDropped: (count) => { dropped += count; } });
          for (const text of ["a", "b", "c", "d", "e"]) chat.add("user", text);
        }""",
        one.token,
    )
    assert one.run("() => [chat.waiting, dropped]") == [3, 2]
    assert len(one.stored()) == 3
    one.page.unroute("**/v1/**")
    one.open()
    one.run('() => { chat.add("user", "later"); }')
    one.flush()
    assert added(one) == [
        "a", "b", "c", "later",
    ]  # fmt: skip
    assert one.stored() == {}


def test_a_token_that_ended_is_asked_for_again(chat: OpenChat) -> None:
    one = chat()
    one.run(
        """async (good) => {
          chat.close();
          window.asked = 0;
          const bad = good.slice(0, -3) + "xxx";
          window.chat = made({ token: async () => ({ token: (asked += 1) === 1 ? bad : good }) });
          chat.add("user", "hello");
        }""",
        one.token,
    )
    one.flush()
    assert one.run("() => [asked, chat.conversationId]") == [2, one.id]
    assert len(one.log()) == 1


@pytest.mark.slow
def test_the_queue_stays_in_order_and_whole_while_the_gateway_is_away(
    chat: OpenChat, gateway: Gateway
) -> None:
    one = chat()
    port = gateway.url.rpartition(":")[2]
    assert gateway.stop() == 0
    one.run("() => { for (let n = 0; n < 250; n += 1) chat.add('user', `${n}`); }")
    assert one.run("() => chat.waiting") == 250
    gateway.settings["gateway_port"] = port
    gateway.start()
    one.flush()
    assert added(one) == [str(number) for number in range(250)]


def test_ids_are_ulids(chat: OpenChat) -> None:
    made = chat().run("() => [ulid(0), ulid(2 ** 48 - 1), ulid(), ulid()]")
    assert made[0].startswith("0000000000")
    assert made[1].startswith("7ZZZZZZZZZ")
    assert len(set(made)) == 4
    assert {len(each) for each in made} == {26}


def test_the_pages_about_the_api_need_nothing_from_elsewhere(gateway: Gateway, page: Page) -> None:
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto(f"{gateway.url}/docs")
    page.get_by_text("/v1/events").first.wait_for()
    assert page.get_by_text("ConversationEvent", exact=True).count() == 1
    assert [url for url in elsewhere if not url.startswith(gateway.url)] == []


@pytest.mark.slow
def test_the_types_name_what_there_is(chat: OpenChat, gateway: Gateway) -> None:
    one = chat()
    there = set(one.run("() => Object.getOwnPropertyNames(Object.getPrototypeOf(chat))"))
    types = httpx.get(f"{gateway.url}/plaudit.d.ts").text.partition("export class Conversation")[2]
    named = set(re.findall(r"^  (?:readonly )?(\w+)[(:]", types, re.MULTILINE))
    assert named == there
