"""Whose events the browser client takes from the storage: those of its own conversation, whatever its id."""

import json

import pytest
from plaudit_schemas.contract.events import AddMessage
from plaudit_schemas.contract.ulid import new_ulid
from playwright.sync_api import Page

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.e2e.chat_page import Chat, OpenChat, abort
from tests.support.awkward_ids import A_ULID, AWKWARD_IDS
from tests.support.event_log import by_conversation, read_log

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def online(one: Chat, yes: bool) -> None:
    one.page.unroute("**/v1/**")
    if not yes:
        one.page.route("**/v1/**", abort)


@pytest.fixture
def one(chat: OpenChat, page: Page) -> Chat:
    """A page that is offline. It sends no beacons: what it does not store is lost when it is left."""
    page.add_init_script("navigator.sendBeacon = () => false")
    opened = chat()
    online(opened, False)
    return opened


@pytest.fixture(scope="module")
def other_application(gateway: Gateway) -> str:
    secret = gateway.key("producer", application="help")
    with gateway.client(secret) as client:
        eventually(lambda: client.post("/v1/tokens", json={}).status_code == 200, "the key is known")
    return secret


def tokens(one: Chat) -> dict[str, str]:
    return {each: one.ask_for_token(conversation_id=each)["token"] for each in AWKWARD_IDS}


def old_item(conversation: str | None, text: str) -> dict[str, str]:
    """An event in the storage of the client before keys were exact."""
    event_id = new_ulid()
    named = {} if conversation is None else {"conversation_id": conversation}
    body = {"type": "AddMessage", "message_id": new_ulid(), "role": "user", "content": text}
    return {"id": event_id, "json": json.dumps({"event_id": event_id, **named, "sequence": 0, "body": body})}


def old_key(conversation: str) -> str:
    return f"plaudit:{conversation}:{new_ulid()}"


def leave(one: Chat, queues: dict[str, list[dict[str, str]]]) -> None:
    """Put queues into the storage, and load the page anew."""
    texts = {key: json.dumps(items) for key, items in queues.items()}
    one.run("(texts) => { for (const key in texts) localStorage.setItem(key, texts[key]); }", texts)
    one.open("connect({ token: null })")


SEND = """async (token) => {
  const chat = made({ token });
  const found = chat.waiting;
  const left = await chat.flush(60000);
  chat.close();
  return [found, left];
}"""


def said(one: Chat, application: str = "shop") -> dict[str, list[str]]:
    log = [each for each in read_log(one.gateway.connection) if each.event.application == application]
    return {
        conversation: [event.body.content for event in events if isinstance(event.body, AddMessage)]
        for conversation, events in by_conversation(log).items()
    }


def test_each_conversation_finds_its_own_events_and_no_others(one: Chat) -> None:
    given = tokens(one)
    before = {each: len(said(one).get(each, [])) for each in AWKWARD_IDS}
    one.run(
        """(given) => {
          chat.close();
          for (const [id, token] of given) {
            const chat = made({ token });
            chat.add("user", `of ${id}`);
            chat.close();
          }
        }""",
        list(given.items()),
    )
    one.open("connect({ token: null })")
    online(one, True)
    for number, (conversation, token) in enumerate(given.items()):
        assert len(one.stored()) == len(AWKWARD_IDS) - number
        assert one.run(SEND, token) == [1, 0], repr(conversation)
    assert one.stored() == {}
    assert one.run("() => refused") == []
    found = said(one)
    assert {each: found[each][before[each] :] for each in AWKWARD_IDS} == {
        each: [f"of {each}"] for each in AWKWARD_IDS
    }


def test_what_an_older_version_left_goes_to_its_conversation_and_to_no_other(one: Chat) -> None:
    given = tokens(one)
    before = {each: len(said(one).get(each, [])) for each in AWKWARD_IDS}
    leave(
        one,
        {old_key(each): [old_item(each, f"old {each}"), old_item(None, "unnamed")] for each in AWKWARD_IDS},
    )
    online(one, True)
    for conversation, token in given.items():
        assert one.run(SEND, token) == [2, 0], repr(conversation)
    assert one.stored() == {}
    assert one.run("() => refused") == []
    found = said(one)
    wanted = {each: [f"old {each}", "unnamed"] for each in AWKWARD_IDS}
    assert {each: found[each][before[each] :] for each in AWKWARD_IDS} == wanted


def test_what_an_older_version_took_over_by_mistake_finds_its_way_back(one: Chat) -> None:
    user = f"{new_ulid()}:7"
    thread = f"{user}:thread:2"
    mixed = old_key(user)
    leave(one, {mixed: [old_item(user, "user's"), old_item(thread, "thread's"), old_item(None, "unnamed")]})
    online(one, True)
    assert one.run(SEND, one.ask_for_token(conversation_id=user)["token"]) == [2, 0]
    [(key, left)] = one.stored().items()
    assert (key, len(json.loads(left))) == (mixed, 1)
    assert one.run(SEND, one.ask_for_token(conversation_id=thread)["token"]) == [1, 0]
    assert one.stored() == {}
    assert one.run("() => refused") == []
    found = said(one)
    assert (found[user], found[thread]) == (["user's", "unnamed"], ["thread's"])


def test_visits_are_sent_in_their_order(one: Chat) -> None:
    keys = [f"plaudit:{one.id}:01ARZ3NDEKTSV4RRFFQ69G5FA{letter}" for letter in "CAB"]
    leave(one, {key: [old_item(one.id, f"{key[-1]}{n}") for n in range(3)] for key in keys})
    for visit in ("1", "2"):
        one.run(
            """([visit, token]) => {
              const chat = made({ token });
              for (let n = 0; n < 12; n += 1) chat.add("user", visit + n);
            }""",
            [visit, one.token],
        )
        one.open("connect({ token: null })")
    online(one, True)
    assert one.run(SEND, one.token) == [33, 0]
    wanted = [f"{visit}{n}" for visit in "ABC" for n in range(3)]
    assert said(one)[one.id] == [*wanted, *(f"{visit}{n}" for visit in "12" for n in range(12))]
    assert one.stored() == {}


def test_an_application_does_not_take_the_events_of_another(one: Chat, other_application: str) -> None:
    shared = f"{new_ulid()} shared"
    shop = one.ask_for_token(conversation_id=shared)["token"]
    helps = one.ask_for_token(other_application, conversation_id=shared)["token"]
    one.run(
        """([conversationId, shop, helps]) => {
          for (const [application, given] of [["shop", shop], ["help", helps]]) {
            made({ token: given }).add("user", `${application} 1`);
            const token = () => Promise.reject("offline");
            made({ token, conversationId, application }).add("user", `${application} 2`);
          }
        }""",
        [shared, shop, helps],
    )
    one.open("connect({ token: null })")
    online(one, True)
    before_and_after = one.run(
        """async ([conversationId, given]) => {
          const chat = made({ conversationId, token: () => given });
          const before = chat.waiting;
          await chat.flush(60000);
          chat.close();
          return [before, chat.waiting];
        }""",
        [shared, shop],
    )
    assert before_and_after == [4, 0]  # four, as long as it does not know the application
    assert len(one.stored()) == 2
    assert one.run(SEND, helps) == [2, 0]
    assert one.stored() == {}
    assert one.run("() => refused") == []
    assert sorted(said(one)[shared]) == ["shop 1", "shop 2"]
    assert sorted(said(one, "help")[shared]) == ["help 1", "help 2"]


def test_other_peoples_keys_are_left_alone(one: Chat) -> None:
    others = {
        "plaudit": "1", "plaudit:": "2", f"plaudit:{one.id}": "[]", f"plaudit:{one.id}:": "[]",
        f"plaudit:{one.id}:my own notes about this": "[1]", f"plaudit:{one.id}:{A_ULID.lower()}": '["x"]',
        f"plaudit:{one.id}:{A_ULID}": "no JSON", "plaudit.event:": "", "plaudit.event:7": "7",
        "plaudit.event:null": "[]", f'plaudit.event:["shop","{one.id}x","{A_ULID}0"]': "[]",
    }  # fmt: skip
    one.run("(texts) => { for (const key in texts) localStorage.setItem(key, texts[key]); }", others)
    one.open()
    online(one, True)
    one.run('() => chat.add("user", "mine")')
    one.flush()
    assert one.stored() == others
    assert said(one)[one.id] == ["mine"]


FILL = """() => {
  for (let size = 1 << 20, n = 0; size >= 1; ) {
    try {
      localStorage.setItem(`filler ${n}`, "x".repeat(size));
      n += 1;
    } catch {
      size = Math.floor(size / 2);
    }
  }
}"""
EMPTY = """() => {
  for (const key of Object.keys(localStorage)) if (key.startsWith("filler")) localStorage.removeItem(key);
}"""


@pytest.mark.parametrize("version", ["older", "this"])
def test_a_full_storage_loses_nothing_that_it_holds(one: Chat, version: str) -> None:
    if version == "older":
        leave(one, {old_key(one.id): [old_item(one.id, text) for text in ("a", "b", "c")]})
    else:
        one.run('() => { for (const text of ["a", "b", "c"]) chat.add("user", text); }')
    one.run(FILL)
    one.open()
    assert one.run('() => { chat.add("user", "no room for this"); return chat.waiting; }') == 4
    one.open()
    assert one.run("() => chat.waiting") == 3
    one.run(EMPTY)
    online(one, True)
    one.flush()
    assert said(one)[one.id] == ["a", "b", "c"]
    assert one.stored() == {}


def test_what_found_no_room_is_stored_once_there_is_some(one: Chat) -> None:
    one.run(FILL)
    one.run('() => { chat.add("user", "first"); }')
    one.run(EMPTY)
    assert one.stored() == {}
    one.run('() => { chat.add("user", "second"); }')
    assert len(one.stored()) == 2
    one.open()
    online(one, True)
    one.flush()
    assert said(one)[one.id] == ["first", "second"]


def test_more_than_its_share_of_the_storage_waits_in_memory(one: Chat) -> None:
    one.run("() => { for (let n = 0; n < 5; n += 1) chat.add('user', `${n}`.padEnd(300_000)); }")
    assert len(one.stored()) == 3
    online(one, True)
    one.flush()
    assert [text[0] for text in said(one)[one.id]] == ["0", "1", "2", "3", "4"]
    assert one.stored() == {}


def test_two_tabs_lose_nothing(one: Chat) -> None:
    one.run('() => { chat.add("user", "from the first tab"); }')
    second = one.page.context.new_page()
    second.route("**/v1/**", abort)
    second.goto(one.address)
    script = """async ([url, token]) => {
      const { connect } = await import(`${url}/plaudit.js`);
      window.chat = connect({ token });
      chat.add("user", "from the second tab");
      return chat.waiting;
    }"""
    assert second.evaluate(script, [one.gateway.url, one.token]) == 2
    one.run('() => { chat.add("user", "again from the first"); }')
    eventually(lambda: len(one.stored()) == 3, "all is stored")
    second.unroute("**/v1/**")
    second.evaluate("() => chat.flush(60000)")
    eventually(lambda: len(one.stored()) == 1, "the first tab sees what the second one has sent")
    second.close()
    online(one, True)
    one.flush()
    assert one.stored() == {}
    log = said(one)[one.id]
    assert sorted(set(log)) == ["again from the first", "from the first tab", "from the second tab"]
