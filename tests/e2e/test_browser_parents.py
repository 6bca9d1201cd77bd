"""Which message a page's next one follows, where the backend adds messages too."""

from typing import Any

import pytest
from plaudit_schemas.contract.events import AddMessage

from tests.e2e.chat_page import Chat, OpenChat

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


def parents(one: Chat) -> dict[str, str | None]:
    return {
        event.body.message_id: event.body.parent_id
        for event in one.log()
        if isinstance(event.body, AddMessage) and event.body.message_id is not None
    }


BOTH = ["user", "assistant"]
CASES: list[Any] = [
    pytest.param(BOTH, "user('q1'); bot('a1'); user('q2'); bot('a2')",
                 {"q1": None, "a1": "q1", "q2": "a1", "a2": "q2"}, id="a page that adds all"),
    pytest.param(["user"], "user('q1'); user('q2')",
                 {"q1": None, "q2": None}, id="a page that was never told of answers"),
    pytest.param(["user"], "user('q1'); chat.follow('a1'); user('q2'); chat.follow('a2'); user('q3')",
                 {"q1": None, "q2": "a1", "q3": "a2"}, id="a page that is told of answers"),
    pytest.param(["user"], "user('q1'); chat.follow('a1'); user('q2'); user('q3')",
                 {"q1": None, "q2": "a1", "q3": "q2"}, id="a question before the next answer"),
    pytest.param(["user"], "chat.follow('a0'); user('q1')",
                 {"q1": "a0"}, id="a page that begins with history"),
    pytest.param(["user"], "chat.follow('a1'); user('q2'); chat.follow(null); user('q3')",
                 {"q2": "a1", "q3": None}, id="a page that no longer knows"),
    pytest.param(["user"], "user('q1'); bot('mine'); user('q2')",
                 {"q1": None, "q2": None}, id="an answer that the token forbids"),
    pytest.param(BOTH, "user('q1'); bot('a1'); bot('b1', { parentId: 'q1' }); user('q2')",
                 {"q1": None, "a1": "q1", "b1": "q1", "q2": "b1"}, id="a second answer"),
    pytest.param(BOTH, "user('q1', {parentId: ''}); bot('a1', {parentId: null}); bot('b1', {parentId: 'x'})",
                 {"q1": "", "a1": None, "b1": "x"}, id="what the page says itself"),
    pytest.param(["user"], "chat.follow('a1'); user('q2', { parentId: 'a0' }); user('q3')",
                 {"q2": "a0", "q3": "q2"}, id="a branch"),
    pytest.param(["user"], "user('q1'); chat.like('a1'); user('q2')",
                 {"q1": None, "q2": None}, id="feedback says nothing about the order"),
    pytest.param(BOTH, "user('q1'); user(5n); bot('a1')",
                 {"q1": None, "a1": None}, id="a message that cannot be sent"),
]  # fmt: skip


@pytest.mark.parametrize(("roles", "calls", "wanted"), CASES)
def test_the_next_message_follows_the_last_one_that_the_page_knows(
    chat: OpenChat, roles: list[str], calls: str, wanted: dict[str, str | None]
) -> None:
    one = chat(roles=roles)
    one.run(
        f"""() => {{
          const user = (messageId, more) => chat.add("user", messageId, {{ messageId, ...more }});
          const bot = (messageId, more) => chat.add("assistant", messageId, {{ messageId, ...more }});
          {calls};
        }}"""
    )
    one.flush()
    assert parents(one) == wanted


def test_a_message_that_grows_keeps_its_parent(chat: OpenChat) -> None:
    one = chat(roles=BOTH)
    one.run(
        """() => {
          chat.add("user", "q", { messageId: "q1" });
          chat.add("assistant", "It", { messageId: "a1", status: "partial" });
          chat.add("assistant", "It arrives", { messageId: "a1", status: "complete" });
          chat.add("user", "when?", { messageId: "q2" });
        }"""
    )
    one.flush()
    messages = [event.body for event in one.log() if isinstance(event.body, AddMessage)]
    assert [(each.message_id, each.parent_id) for each in messages] == [
        ("q1", None),
        ("a1", "q1"),
        ("a1", None),  # as before: the fold keeps the parent that it has
        ("q2", "a1"),
    ]


def test_an_answer_may_overtake_its_question(chat: OpenChat) -> None:
    """The page gives the question's id to the backend, so the order in the log does not matter."""
    one = chat()
    one.run("() => chat.flush(60000)")
    one.page.route("**/v1/**", lambda route: route.abort())
    question = one.run('() => { chat.follow("a1"); return chat.add("user", "And when?"); }')
    body = {
        "type": "AddMessage",
        "message_id": "a2",
        "role": "assistant",
        "content": "At two.",
        "parent_id": question,
    }
    with one.gateway.client(one.gateway.secret) as backend:
        assert backend.post("/v1/events", json={"conversation_id": one.id, "body": body}).status_code == 200
    one.page.unroute("**/v1/**")
    one.flush()
    assert list(parents(one).items()) == [("a2", question), (question, "a1")]
