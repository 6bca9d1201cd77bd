"""LiteLLM's batches over HTTP on real servers, and feedback by the ids that its clients see."""

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from plaudit_schemas.contract.events import AddMessage, ConversationEvent, EndConversation, UpdateMessage

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import events_of
from tests.support.gateway import answers, known_key
from tests.support.litellm_payloads import payload

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return known_key(gateway, "producer")


def messages_of(events: list[ConversationEvent]) -> list[tuple[str, str]]:
    return [(event.body.role, event.body.content) for event in events if isinstance(event.body, AddMessage)]


def turn(session: str, said: list[str], answer: str, **fields: Any) -> dict[str, Any]:
    """A call in a session, with the whole history before it."""
    roles = ("user", "assistant")
    given = [{"role": roles[number % 2], "content": text} for number, text in enumerate(said)]
    choices = [{"finish_reason": "stop", "message": {"role": "assistant", "content": answer}}]
    response = {"id": f"chatcmpl-{session}-{len(said)}", "choices": choices}
    return payload(session_id=session, messages=given, response=response, **fields)


@pytest.mark.parametrize("form", ["json_array", "ndjson", "single"])
def test_each_log_format_of_litellm_is_taken(gateway: Gateway, key: str, form: str) -> None:
    first, second = turn(form, ["hi"], "hello"), turn(form, ["hi", "hello", "more"], "sure")
    bodies = {
        "json_array": [json.dumps([first, second])],
        "ndjson": [f"{json.dumps(first)}\n{json.dumps(second)}"],
        "single": [json.dumps(first), json.dumps(second)],
    }
    with gateway.client(key) as client:
        answers = [client.post("/v1/litellm", content=body) for body in bodies[form]]
    assert [answer.status_code for answer in answers] == [200] * len(answers)
    results = [result for answer in answers for result in answer.json()["results"]]
    assert [result["status"] for result in results] == ["accepted"] * 2
    events = events_of(gateway.connection, form)
    said = [("user", "hi"), ("assistant", "hello"), ("user", "more"), ("assistant", "sure")]
    assert messages_of(events) == said
    assert {event.source for event in events} == {"gateway"}
    assert not any(isinstance(event.body, EndConversation) for event in events)
    added = [event.body for event in events if isinstance(event.body, AddMessage)]
    assert [result["message_ids"] for result in results] == [[added[1].message_id], [added[3].message_id]]
    assert added[3].parent_id == added[2].message_id


def test_a_batch_that_comes_again_sends_nothing_new(gateway: Gateway, key: str) -> None:
    batch = [turn("again", ["hi"], "hello")]
    with gateway.client(key) as client:
        first, second = (client.post("/v1/litellm", json=batch).json() for _ in range(2))
    assert second == first
    assert len(messages_of(events_of(gateway.connection, "again"))) == 2


@pytest.mark.slow
def test_another_gateway_makes_the_same_ids(gateways: Callable[..., Gateway]) -> None:
    """It does not know what the first one sent: the fold counts equal event ids once."""
    made = gateways()
    secret = made.key("producer")
    made.start()
    with made.client(secret) as client:
        first = client.post("/v1/litellm", json=turn("two", ["hi"], "hello")).json()
    assert made.stop() == 0
    made.start()
    with made.client(secret) as client:
        second = client.post("/v1/litellm", json=turn("two", ["hi"], "hello")).json()
    assert second == first
    events = events_of(made.connection, "two")
    assert len(events) == 6
    assert len({event.event_id for event in events}) == 3


def test_a_broken_record_costs_only_itself(gateway: Gateway, key: str) -> None:
    batch = [{"id": 1}, turn("mixed", ["hi"], "hello"), payload(call_type="aembedding"), None]
    counted = 'plaudit_gateway_events_refused_total{reason="invalid"}'
    before = gateway.metric(counted)
    with gateway.client(key) as client:
        answer = client.post("/v1/litellm", json=batch)
    assert answer.status_code == 207
    body = answer.json()
    assert body["accepted"] == 1
    assert [result["status"] for result in body["results"]] == ["refused", "accepted", "skipped", "refused"]
    assert "StandardLoggingPayload" in body["results"][0]["detail"]
    assert len(messages_of(events_of(gateway.connection, "mixed"))) == 2
    assert gateway.metric(counted) == before + 2


def test_a_batch_of_python_may_hold_nan_and_half_an_emoji(gateway: Gateway, key: str) -> None:
    body = json.dumps([turn("nan", ["h\ud83d"], "hello", response_time=float("nan"))])
    with gateway.client(key) as client:
        answer = client.post("/v1/litellm", content=body)
    assert answer.status_code == 200
    assert messages_of(events_of(gateway.connection, "nan")) == [("user", "h\ufffd"), ("assistant", "hello")]


def test_a_failed_call_and_its_fallback_are_siblings(gateway: Gateway, key: str) -> None:
    failed = payload(
        id="call-f", trace_id="retried", status="failure", response={}, error_str="no capacity",
        messages=[{"role": "user", "content": "hi"}],
    )  # fmt: skip
    fallback = turn("", ["hi"], "hello", trace_id="retried")
    with gateway.client(key) as client:
        assert client.post("/v1/litellm", json=[failed, fallback]).status_code == 200
    _, error, answer = [
        event.body for event in events_of(gateway.connection, "retried") if isinstance(event.body, AddMessage)
    ]
    assert (error.status, error.metadata["error"]) == ("error", "no capacity")
    assert (answer.status, answer.parent_id) == ("complete", error.parent_id)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        pytest.param("{", 422, "not JSON", id="cut JSON"),
        pytest.param("[]", 422, "no record", id="empty list"),
        pytest.param("", 422, "no record", id="empty body"),
        pytest.param('{"id": 1}\n{', 422, "line 2", id="a broken line"),
        pytest.param("[" * 100_000, 422, "not JSON", id="nested too deeply"),
        pytest.param('"text"', 422, "StandardLoggingPayload", id="no record"),
        pytest.param("x" * (17 << 20), 413, "larger", id="too large"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_problem(
    gateway: Gateway, key: str, body: str, status: int, detail: str
) -> None:
    with gateway.client(key) as client:
        answer = client.post("/v1/litellm", content=body)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


def test_a_page_and_a_reader_may_not_send_calls(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        token = client.post("/v1/tokens", json={}).json()["token"]
    for credential, status in ((token, 403), (gateway.key("reader"), 403), ("plk_no_no", 401), (None, 401)):
        with gateway.client(credential) as client:
            eventually(answers(client, "/v1/litellm", turn("no", ["hi"], "hello"), status), "it is refused")
    assert events_of(gateway.connection, "no") == []


@pytest.mark.parametrize(
    "alias", ["chatcmpl-named-1", "call-named"], ids=["response id", "x-litellm-call-id"]
)
def test_feedback_finds_an_answer_by_the_id_that_a_client_sees(
    gateway: Gateway, key: str, alias: str
) -> None:
    with gateway.client(key) as client:
        sent = client.post("/v1/litellm", json=turn("named", ["hi"], "hello", litellm_call_id="call-named"))
        (message_id,) = sent.json()["results"][0]["message_ids"]
        given = {"inference_id": alias, "metric_name": "satisfaction", "value": True}
        answer: httpx.Response = client.post("/feedback", json=given)
    assert answer.status_code == 200
    votes = [
        event for event in events_of(gateway.connection, "named") if isinstance(event.body, UpdateMessage)
    ]
    feedback_id = answer.json()["feedback_id"]
    (vote,) = [event.body for event in votes if event.event_id == feedback_id]
    assert isinstance(vote, UpdateMessage)
    assert vote.message_id == message_id


@pytest.mark.slow
def test_a_large_batch_is_taken(gateway: Gateway, key: str) -> None:
    batch = [turn(f"large-{number}", ["x" * 10_000], "y") for number in range(600)]
    with gateway.client(key) as client:
        answer = client.post("/v1/litellm", json=batch)
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 600
    eventually(lambda: '"events":1800' in gateway.log(), "the access log counts all parts of the request")
