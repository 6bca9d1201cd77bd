"""No call of the browser client throws, whatever a page gives it and whatever its storage does."""

from typing import Any

import pytest
from plaudit_schemas.contract.events import AddMessage
from plaudit_schemas.contract.ulid import new_ulid
from playwright.sync_api import Page

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.e2e.chat_page import Chat, OpenChat, abort
from tests.support.event_log import by_conversation, read_log

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]

MISUSES = [
    "connect()", "connect(null)", "connect(5)", 'connect("text")', "connect({})", "connect({ token: 5 })",
    'connect({ token: "x", url: "http://" })', 'connect({ token: "x", url: 5 })',
    'connect({ token: "x", url: null })',
    'connect({ token: "x", maxQueued: "x", onRefused: 5, onDropped: null, storage: 5 })',
    'connect({ token: "x", conversationId: 7, application: {} })', 'connect({ token: {}, storage: "text" })',
    "chat.start(null)", "chat.start(5)", "chat.start([])", 'chat.start({ tags: { "\\ud800": "x" } })',
    "chat.add()", "chat.add(null, null, null)", "chat.add(5n, 5n, 5n)", "chat.add('user', Symbol())",
    "chat.add('user', cycle)", "chat.add('user', 'x', { metadata: cycle })", "chat.add('user', 'x', 'text')",
    "chat.add('user', 'x', { messageId: 5n })", "chat.add('user', 'x', { messageId: '\\ud800' })",
    "chat.add('user', 'x', { parentId: {} })", "chat.add('user', { toJSON() { throw new Error('no'); } })",
    "chat.like()", "chat.like({})", "chat.like(5n)", "chat.like('m', null)",
    "chat.like('m', { id: '\\udc00' })", "chat.dislike(null, 5)", "chat.rate()", "chat.rate('m', NaN, null)",
    "chat.rate('m', 5n, { minimum: {} })",
    "chat.comment()", "chat.comment('m', 5n, null)", "chat.correct()", "chat.correct('m', null, null)",
    "chat.signal()", "chat.signal('m', null, 'x', null)", "chat.withdraw()", "chat.withdraw('m', 5n, null)",
    "chat.compare()", "chat.compare(null, null, null)", "chat.compare('ab', 'ab')", "chat.compare({}, {})",
    "chat.compare([cycle], [cycle])", "chat.compare(['a', '\\ud800'], [['a']])", "chat.follow()",
    "chat.follow({})", "chat.follow(5n)", "chat.end(null)", "chat.end(5n)", "chat.end(cycle)",
    "chat.conversationId", "chat.waiting",
    "ulid('x')", "ulid(-1)", "ulid(null)", "ulid(5n)", "ulid(Infinity)", "ulid(1.5)", "ulid(Symbol())",
    "chat.flush('x')", "chat.flush(null)", "chat.flush(5n)", "chat.flush(Symbol())", "chat.flush(-1)",
    "chat.close()", "chat.close()", "chat.like('m')", "chat.flush(5)",
]  # fmt: skip


def contents(one: Chat) -> list[str]:
    return [event.body.content for event in one.log() if isinstance(event.body, AddMessage)]


def test_no_call_throws_and_what_can_never_be_sent_is_told(chat: OpenChat) -> None:
    one = chat()
    one.page.route("**/v1/**", abort)
    thrown = one.run(
        """async (misuses) => {
          const connect = made;
          const cycle = [];
          cycle.push(cycle);
          const thrown = [];
          for (const misuse of misuses) {
            try {
              const found = eval(misuse);
              if (found instanceof Promise) await found;
              if (misuse.startsWith("connect")) found.close();
            } catch (error) {
              thrown.push([misuse, String(error)]);
            }
          }
          return thrown;
        }""",
        MISUSES,
    )
    assert thrown == []
    eventually(lambda: len(one.run("() => refused")) > 0, "what cannot be written as JSON is told")
    told = one.run("() => refused")
    assert {each["reason"] for each in told} == {"invalid"}
    assert all(each["event_id"] and each["detail"] for each in told)
    assert sum("half a surrogate pair" in each["detail"] for each in told) == 3
    one.page.unroute("**/v1/**")
    one.open()
    one.run('() => { chat.add("user", "still works"); }')
    one.flush()
    assert contents(one)[-1] == "still works"
    assert one.stored() == {}


def test_a_wrong_id_of_the_page_is_never_changed_into_another(chat: OpenChat) -> None:
    one = chat()
    one.run(
        """() => {
          for (const half of ["\\ud800", "\\ud801", "\\udfff"]) {
            chat.add("user", `text ${half}`, { messageId: `m${half}` });
            chat.like(`m${half}`);
          }
          chat.add("user", "whole \\ud83d\\ude00", { messageId: "m\\ud83d\\ude00" });
        }"""
    )
    one.flush()
    assert [each["reason"] for each in one.run("() => refused")] == ["invalid"] * 6
    [event] = one.log()
    assert isinstance(event.body, AddMessage)
    assert (event.body.message_id, event.body.content, event.sequence) == (
        "m\U0001f600", "whole \U0001f600", 6,
    )  # fmt: skip


STORAGES = {
    "everything throws": "new Proxy({}, { get() { throw new Error('switched off'); } })",
    **{
        f"{name} throws": f"""{{ ...working, get {name}() {{ throw new Error("no"); }} }}"""
        for name in ("length", "key", "getItem", "setItem", "removeItem")
    },
    "an empty object": "{}",
    "null": "null",
    "session storage": "sessionStorage",
}


@pytest.mark.parametrize("storage", STORAGES.values(), ids=STORAGES)
def test_a_storage_that_fails_stops_nothing(chat: OpenChat, storage: str) -> None:
    one = chat()
    left = one.run(
        f"""async (token) => {{
          chat.close();
          const forgets = {{ getItem: () => null, setItem() {{}}, removeItem() {{}} }};
          const working = {{ ...forgets, length: 1, key: () => "x" }};
          const storage = {storage};
          window.chat = made({{ token, storage }});
          chat.add("user", "a");
          chat.add("user", "b");
          return chat.flush(60000);
        }}""",
        one.token,
    )
    assert left == 0
    assert contents(one) == ["a", "b"]


def test_a_sandboxed_frame_has_no_storage_and_works(chat: OpenChat, gateway: Gateway) -> None:
    one = chat()
    one.run(
        """() => {
          const frame = document.createElement("iframe");
          frame.sandbox = "allow-scripts";
          frame.srcdoc = "<p>a chat";
          document.body.append(frame);
        }"""
    )
    eventually(lambda: len(one.page.frames) == 2, "the frame is there")
    frame = one.page.frames[1]
    frame.get_by_text("a chat").wait_for()
    left = frame.evaluate(
        """async ([url, token]) => {
          const { connect } = await import(`${url}/plaudit.js`);
          const chat = connect({ token });
          chat.add("user", "from a frame");
          return chat.flush(60000);
        }""",
        [gateway.url, one.token],
    )
    assert left == 0
    assert contents(one) == ["from a frame"]


TOKENS: list[Any] = [
    "", "abc", "..", "a.b.c", "a.!!!.c", "a.bnVsbA.c", "a.MQ.c", "a.W10.c", "a.eyJjaWQiOjV9.c",
    None, 5, [], {}, {"token": None}, {"token": 5}, {"token": {}}, {"token": "abc"},
]  # fmt: skip


def test_an_unusable_token_does_not_throw_and_the_next_one_is_asked_for(chat: OpenChat) -> None:
    one = chat()
    waiting = one.run(
        """async (tokens) => {
          const waiting = [];
          for (const token of tokens) {
            const chat = made({ token });
            chat.add("user", "waits");
            waiting.push(chat.waiting);
            chat.close();
          }
          return waiting;
        }""",
        TOKENS,
    )
    assert waiting == [1] * len(TOKENS)
    assert one.run("() => refused") == []
    one.open("connect({ token: null })")
    one.run(
        """([good, other]) => {
          const answers = [
            () => { throw new Error("no session"); },
            () => Promise.reject(new Error("offline")),
            () => ({}),
            () => "abc",
            async () => ({ token: other }),
            () => fetch("/nothing"),
            () => ({ token: good }),
          ];
          window.asked = 0;
          window.chat = made({ token: () => answers[Math.min(asked++, answers.length - 1)]() });
          chat.add("user", "hello");
        }""",
        [one.token, "abc"],
    )

    def asked_for_all() -> bool:
        one.run("() => { window.dispatchEvent(new Event('online')); }")  # ends the pause between two tries
        return bool(one.run("() => asked") == 7)

    eventually(asked_for_all, "it asks until there is a token")
    one.flush()
    assert one.run("() => [asked, chat.conversationId, refused.length]") == [7, one.id, 0]
    assert contents(one) == ["hello"]


def test_a_token_of_another_conversation_sends_nothing(chat: OpenChat) -> None:
    one = chat()
    other = one.ask_for_token()
    one.run(
        """([id, other]) => {
          chat.close();
          window.given = other;
          window.asked = 0;
          window.chat = made({ conversationId: id, token: () => { asked += 1; return given; } });
          chat.add("user", "mine");
        }""",
        [one.id, other["token"]],
    )
    eventually(lambda: one.run("() => asked") >= 2, "it asks again")
    assert one.run("() => [chat.waiting, refused.length]") == [1, 0]
    assert len(one.stored()) == 1
    one.run("(token) => { given = token; }", one.token)
    one.flush()
    assert contents(one) == ["mine"]
    assert other["conversation_id"] not in by_conversation(read_log(one.gateway.connection))


def test_a_token_function_that_never_answers_is_asked_again(chat: OpenChat, page: Page) -> None:
    page.clock.install()
    one = chat()
    one.run(
        """(token) => {
          chat.close();
          window.asked = 0;
          window.chat = made({ token: () => ((asked += 1) === 1 ? new Promise(() => {}) : token) });
          chat.add("user", "hello");
        }""",
        one.token,
    )
    assert one.run("() => asked") == 1
    page.clock.fast_forward(31_000)
    one.flush()
    assert one.run("() => asked") >= 2
    assert contents(one) == ["hello"]


def test_an_error_of_a_listener_is_the_pages_and_stops_nothing(chat: OpenChat) -> None:
    one = chat()
    one.run(
        """(token) => {
          chat.close();
          window.errors = [];
          window.addEventListener("error", (event) => {
            errors.push(event.message);
            event.preventDefault();
          });
          const fail = (what) => () => { throw new Error(what); };
          window.chat = made({ token, maxQueued: 4, onRefused: fail("refused"), onDropped: fail("dropped") });
          chat.add("assistant", "forbidden");
          chat.rate(null, 9);
          chat.add("user", 5n);
          chat.add("user", "a");
          chat.add("user", "b");
          chat.add("user", "dropped");
        }""",
        one.token,
    )
    one.flush()
    assert contents(one) == ["a", "b"]
    eventually(lambda: len(one.run("() => errors")) == 4, "the page sees its errors")


def test_flush_of_a_closed_client_returns_at_once(chat: OpenChat) -> None:
    one = chat()
    one.page.route("**/v1/**", abort)
    one.run('() => { chat.add("user", "x"); chat.close(); }')
    assert one.run("() => chat.flush(3_600_000)") == 1


def test_a_stored_event_without_an_id_is_sent_once(chat: OpenChat) -> None:
    one = chat()
    text = '{"body": {"type": "AddMessage", "role": "user", "content": "no id"}}'
    one.run(
        "([key, items]) => localStorage.setItem(key, JSON.stringify(items))",
        [f"plaudit:{one.id}:{new_ulid()}", [{"id": "x", "json": text}, {"id": "y", "json": "{"}]],
    )
    one.open()
    one.flush()
    assert contents(one) == ["no id"]
    assert one.stored() == {}
