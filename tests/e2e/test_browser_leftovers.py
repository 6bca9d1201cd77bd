"""What a closed page left: the next visit of any conversation sends it, or drops it in time."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from plaudit_schemas.contract.ulid import encode_ulid, new_ulid
from playwright.sync_api import Page, Route

from harness.waiting import eventually
from tests.e2e.chat_page import Chat, OpenChat, abort

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

NO_BEACON = "navigator.sendBeacon = () => false"
LOSE_BEACON = "navigator.sendBeacon = () => true"
NEXT = """async (token) => {
  window.dropped = 0;
  window.chat = made({ token, onDropped: (count) => { dropped += count; } });
  await chat.flush(60000);
}"""


def rate_and_leave(one: Chat, *, away: bool = True) -> None:
    """Rate an answer while requests fail, or are not answered yet, and leave the page."""
    one.run('() => { chat.add("user", "hello"); }')
    one.flush()
    one.page.route("**/v1/events", abort if away else _hold)
    with one.page.expect_request("**/v1/events"):
        one.run('() => { chat.like("answer"); chat.comment("answer", "good"); }')
    if away:
        with one.page.expect_request("**/v1/events"):
            pass  # a second try: the page knows that the first has failed
    one.page.goto("about:blank")
    one.page.unroute("**/v1/events")


def _hold(_route: Route) -> None:
    """Never answer."""


def visit_another(one: Chat) -> None:
    one.open("connect({ token: null })")
    one.run(NEXT, one.ask_for_token()["token"])


@pytest.mark.parametrize("beacon", [NO_BEACON, LOSE_BEACON], ids=["no beacon", "a lost beacon"])
def test_a_visit_of_another_conversation_sends_it(chat: OpenChat, page: Page, beacon: str) -> None:
    page.add_init_script(beacon)
    one = chat()
    rate_and_leave(one)
    visit_another(one)
    eventually(lambda: len(one.log()) == 3, "both ratings are in Kafka")
    eventually(lambda: one.stored() == {}, "nothing stays")
    assert one.run("() => [refused, dropped]") == [[], 0]


def test_after_a_beacon_that_arrived_nothing_stays(chat: OpenChat) -> None:
    one = chat()
    rate_and_leave(one, away=False)
    eventually(lambda: len(one.log()) == 3, "the beacon is in Kafka")
    visit_another(one)
    eventually(lambda: one.stored() == {}, "nothing stays")
    assert len(one.log()) == 3  # sent again with the same ids, which the gateway knew


@pytest.mark.parametrize(("away", "kept"), [(True, 2), (False, 0)], ids=["gateway away", "gateway answered"])
def test_once_its_token_has_ended_only_what_a_beacon_took_is_dropped(
    chat: OpenChat, page: Page, *, away: bool, kept: int
) -> None:
    page.add_init_script(LOSE_BEACON)
    one = chat()
    rate_and_leave(one, away=away)
    one.open("connect({ token: null })")
    one.run(
        """() => {
          for (const [key, text] of Object.entries(localStorage)) {
            const items = JSON.parse(text);
            for (const item of items) if (item.token) item.token = "x.e30.x";
            localStorage.setItem(key, JSON.stringify(items));
          }
        }"""
    )
    visit_another(one)
    eventually(lambda: len(one.stored()) == kept, "what was believed is gone")
    assert len(one.log()) == 1
    one.open()
    one.flush()
    assert one.stored() == {}
    assert len(one.log()) == 1 + kept


def left(one: Chat, count: int, size: int, days: float) -> None:
    """Put events of another conversation into the storage, as if they were made some days ago."""
    now = datetime.now(UTC) - timedelta(days=days)
    events = {}
    for number in range(count):
        event_id = encode_ulid(int(now.timestamp() * 1000) + number, bytes(10))
        key = f'plaudit.event:["shop","another {days}","{new_ulid()}{number:010}"]'
        events[key] = json.dumps([{"id": event_id, "json": json.dumps({"event_id": event_id}).ljust(size)}])
    one.run("(texts) => { for (const key in texts) localStorage.setItem(key, texts[key]); }", events)


def test_leftovers_expire_and_never_fill_the_storage(chat: OpenChat) -> None:
    one = chat()
    left(one, 3, 100, days=8)
    left(one, 2, 100, days=6)
    left(one, 30, 30_000, days=1)
    visit_another(one)
    assert one.run("() => dropped") == 3 + 2 + 14
    kept = one.stored()
    assert {json.loads(key.partition(":")[2])[1] for key in kept} == {"another 1"}
    assert sum(map(len, kept.values())) < 510_000
    numbers = sorted(int(json.loads(key.partition(":")[2])[2][26:]) for key in kept)
    assert numbers == list(range(14, 30)), "the newest are kept"
