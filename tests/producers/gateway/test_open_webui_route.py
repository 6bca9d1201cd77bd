"""Votes of Open WebUI over HTTP on real servers: what Kafka then has, and what is taken back."""

import json
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.importers.catalog import find_format
from plaudit_producers.importers.formats import read_batches
from plaudit_producers.importers.model import Batch, ImportOptions
from plaudit_producers.importers.source import Source
from plaudit_schemas.contract.events import (
    AddMessage,
    CompareMessages,
    ConversationEvent,
    EndConversation,
    StartConversation,
    UpdateMessage,
)

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import answers, known_key
from tests.support.open_webui_votes import make_older, messages, vote

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return known_key(gateway, "producer")


def events_of(gateway: Gateway, chat: str) -> list[ConversationEvent]:
    """The events of the chat with this id of its own, in the order of the log."""
    for events in by_conversation(read_log(gateway.connection)).values():
        starts = [event.body for event in events if isinstance(event.body, StartConversation)]
        if any(start.tags.get("original_id") == chat for start in starts):
            return events
    return []


def words_of(gateway: Gateway, chat: str) -> dict[tuple[str | None, str], Any]:
    """The last value of each kind for each message, by arrival. Of equal event ids the first counts."""
    found: dict[tuple[str | None, str], Any] = {}
    seen = set()
    for event in events_of(gateway, chat):
        if isinstance(event.body, UpdateMessage) and event.event_id not in seen:
            given = event.body.feedback
            found[event.body.message_id, given.kind] = (
                None if given.value is None else given.value.model_dump()
            )
        seen.add(event.event_id)
    return found


def sent(gateway: Gateway, key: str, body: Any, status: int = 200) -> dict[str, str]:
    """Post votes. Returns the status of each by its id."""
    with gateway.client(key) as client:
        answer = client.post("/v1/open-webui", json=body)
    assert answer.status_code == status, answer.text
    return {result["id"]: result["status"] for result in answer.json()["results"]}


def test_a_vote_brings_its_chat_with_all_branches(gateway: Gateway, key: str) -> None:
    assert sent(gateway, key, vote("whole", "a", 1, comment="good")) == {"whole-a": "accepted"}
    events = events_of(gateway, "whole")
    assert {(event.application, event.source) for event in events} == {("shop", "gateway")}
    said = {event.body.message_id: event.body for event in events if isinstance(event.body, AddMessage)}
    assert [(name, said[name].parent_id) for name in said] == [("q", ""), ("a", "q"), ("b", "q")]
    assert [event.body.feedback.comment for event in events if isinstance(event.body, UpdateMessage)] == [
        "good"
    ]
    assert not any(isinstance(event.body, EndConversation) for event in events)
    assert words_of(gateway, "whole") == {("a", "thumb"): {"like": True}}


def test_a_vote_that_comes_again_is_unchanged_and_sends_nothing(gateway: Gateway, key: str) -> None:
    sent(gateway, key, vote("again", "a", 1))
    before = len(events_of(gateway, "again"))
    assert sent(gateway, key, [vote("again", "a", 1)]) == {"again-a": "unchanged"}
    assert len(events_of(gateway, "again")) == before


def test_a_vote_changed_and_changed_back_holds(gateway: Gateway, key: str) -> None:
    for version, rating in enumerate((1, -1, 1)):
        sent(gateway, key, vote("toggled", "a", rating, version=version))
    assert words_of(gateway, "toggled") == {("a", "thumb"): {"like": True}}


def test_an_older_version_that_comes_late_changes_nothing(gateway: Gateway, key: str) -> None:
    sent(gateway, key, vote("late", "a", -1, version=5))
    assert sent(gateway, key, vote("late", "a", 1, version=1)) == {"late-a": "unchanged"}
    assert words_of(gateway, "late") == {("a", "thumb"): {"like": False}}


def test_what_a_vote_no_longer_says_is_taken_back(gateway: Gateway, key: str) -> None:
    sent(gateway, key, vote("less", "a", 1, reason="thorough", details={"rating": 9}))
    assert set(words_of(gateway, "less")) == {("a", "thumb"), ("a", "label"), ("a", "number")}
    sent(gateway, key, vote("less", "a", None, version=1, comment="hm"))
    held = {kind: value for (_, kind), value in words_of(gateway, "less").items()}
    assert held == {"thumb": None, "label": None, "number": None, "text": {"text": "hm"}}


def test_a_deleted_vote_is_taken_back_once(gateway: Gateway, key: str) -> None:
    sent(gateway, key, vote("gone", "a", 1))
    deleted = {"deleted": ["gone-a", "never"]}
    assert sent(gateway, key, deleted) == {"never": "unknown", "gone-a": "withdrawn"}
    assert words_of(gateway, "gone") == {("a", "thumb"): None}
    assert sent(gateway, key, deleted) == {"never": "unknown", "gone-a": "unknown"}


@pytest.mark.slow
def test_known_votes_that_are_not_among_all_are_taken_back(gateways: Callable[..., Gateway]) -> None:
    made = gateways()
    secret = made.key("producer")
    made.start()
    sent(made, secret, {"instance": "first", "feedbacks": [vote("kept", "a", 1), vote("missed", "a", 1)]})
    sent(made, secret, {"instance": "second", "feedbacks": [vote("other", "a", 1)]})
    # A vote of the last minute may be newer than the list.
    assert sent(made, secret, {"instance": "first", "all": ["kept-a"]}) == {}
    make_older(made, 120)
    assert sent(made, secret, {"instance": "first", "all": ["kept-a"]}) == {"missed-a": "withdrawn"}
    assert words_of(made, "missed") == {("a", "thumb"): None}
    assert words_of(made, "kept") == words_of(made, "other") == {("a", "thumb"): {"like": True}}


def test_an_import_of_the_same_export_has_the_same_ids(gateway: Gateway, key: str) -> None:
    export = [vote("twice", "a", 1, comment="x"), vote("twice", "b", -1)]
    sent(gateway, key, export)
    form, options = find_format("openwebui"), ImportOptions(application="shop")
    source = Source(BytesIO(json.dumps(export).encode()))
    (batch,) = [each for each in read_batches(form, source, options) if isinstance(each, Batch)]
    imported = {record["event_id"] for record in batch.records}
    live = {event.event_id for event in events_of(gateway, "twice")}
    assert live < imported
    assert len(imported - live) == 1  # the end


def test_a_vote_in_the_arena_is_a_comparison(gateway: Gateway, key: str) -> None:
    record = vote("arena", "a", 1)
    record["meta"]["arena"] = True
    sent(gateway, key, record)
    (compared,) = [
        event.body for event in events_of(gateway, "arena") if isinstance(event.body, CompareMessages)
    ]
    assert compared.ranking == [["a"], ["b"]]


@pytest.mark.parametrize(
    "unfinished",
    [{"content": "", "done": None}, {"content": "half", "done": False}, {"content": ""}],
    ids=["not begun", "being written", "without done"],
)
def test_an_answer_that_is_being_written_comes_with_a_later_vote(
    gateway: Gateway, key: str, unfinished: dict[str, Any], request: pytest.FixtureRequest
) -> None:
    chat = f"writing {request.node.callspec.id}"
    later = messages(("a", "one"), ("b", "two"))
    writing = {
        **later,
        "b": {name: value for name, value in later["b"].items() if name != "done"} | unfinished,
    }
    sent(gateway, key, vote(chat, "a", 1, said=writing))
    said = [event.body for event in events_of(gateway, chat) if isinstance(event.body, AddMessage)]
    assert [body.message_id for body in said] == ["q", "a"]
    sent(gateway, key, vote(chat, "b", 1, said=later))
    said = [event.body for event in events_of(gateway, chat) if isinstance(event.body, AddMessage)]
    assert [body.content for body in said if body.message_id == "b"] == ["two"]


def test_a_broken_vote_costs_only_itself(gateway: Gateway, key: str) -> None:
    broken = [
        vote("mixed", "b", "perhaps"),
        {**vote("mixed", "c", 1), "id": 7},
        {**vote("no-snapshot", "a", 1), "snapshot": {"chat": {"chat": {"history": 3}}}},
        17,
    ]
    counted = 'plaudit_gateway_events_refused_total{reason="invalid"}'
    before = gateway.metric(counted)
    found = sent(gateway, key, [vote("mixed", "a", 1), *broken], 207)
    assert gateway.metric(counted) == before + len(broken)
    assert found == {
        "mixed-b": "refused", "record 3": "refused", "record 5": "refused", "no-snapshot-a": "refused",
        "mixed-a": "accepted",
    }  # fmt: skip
    assert words_of(gateway, "mixed") == {("a", "thumb"): {"like": True}}


def test_a_vote_without_its_chat_waits_for_it(gateway: Gateway, key: str) -> None:
    record = {**vote("bare", "a", 1), "snapshot": None}
    assert sent(gateway, key, record) == {"bare-a": "accepted"}


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param("{", "not valid JSON", id="cut JSON"),
        pytest.param("7", "must be an object", id="number"),
        pytest.param('{"feedback": []}', "feedback is not a field", id="misspelt field"),
        pytest.param("{}", "known are instance", id="empty object"),
        pytest.param('{"feedbacks": {}}', "feedbacks must be a list", id="no list"),
        pytest.param('{"deleted": [1]}', "deleted must be a text", id="number as id"),
        pytest.param('{"instance": "", "all": []}', "instance must be a text", id="empty instance"),
        pytest.param("[]", None, id="empty export"),
    ],
)
def test_another_body_is_a_problem(gateway: Gateway, key: str, body: str, detail: str | None) -> None:
    with gateway.client(key) as client:
        answer = client.post("/v1/open-webui", content=body)
    assert answer.status_code == (200 if detail is None else 422)
    assert detail is None or detail in answer.json()["detail"]


def test_a_page_and_a_reader_may_send_no_votes(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        token = client.post("/v1/tokens", json={}).json()["token"]
    for credential in (token, gateway.key("reader")):
        with gateway.client(credential) as client:
            eventually(answers(client, "/v1/open-webui", vote("no", "a", 1), 403), "it is forbidden")
    assert events_of(gateway, "no") == []


@pytest.mark.slow
def test_without_redis_the_votes_must_come_again(
    gateways: Callable[..., Gateway], valkey_server: Callable[[], ValkeyServer]
) -> None:
    server = valkey_server()
    made = gateways(redis=server.address)
    secret = made.key("producer")
    made.start()
    server.kill()
    with made.client(secret) as client:
        answer = client.post("/v1/open-webui", json=vote("away", "a", 1))
    assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
    server.start()
    assert sent(made, secret, vote("away", "a", 1)) == {"away-a": "accepted"}
