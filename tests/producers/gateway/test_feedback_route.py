"""`POST /feedback` on real servers: Kafka has what was answered 200, by whatever id the target was named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.sdk.message_ids import carrying_id
from plaudit_schemas.contract.events import UpdateMessage
from plaudit_schemas.contract.feedback import Number, Rater, Text, Thumb

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import events_of
from tests.support.gateway import known_key
from tests.support.litellm_payloads import payload

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

MESSAGE_ID = carrying_id("0" * 26, "chat")
ASPECTS = """
version: 1
applications:
  shop:
    - {name: draft_accepted, kinds: [thumb], levels: [message], direction: higher_is_better}
    - {name: user_rating, kinds: [number], levels: [conversation], direction: higher_is_better, minimum: 1,
       maximum: 10}
"""


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return known_key(gateway, "producer", "reviewer")


def given(**fields: Any) -> dict[str, Any]:
    return {"inference_id": MESSAGE_ID, "metric_name": "ok", "value": True, **fields}


def vote(gateway: Gateway, conversation_id: str, event_id: str) -> UpdateMessage:
    (found,) = [
        event.body for event in events_of(gateway.connection, conversation_id) if event.event_id == event_id
    ]
    assert isinstance(found, UpdateMessage)
    return found


def test_a_message_is_named_by_its_id_alone(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        answer = client.post("/feedback", json=given(tags={"user_id": "u1"}))
    assert answer.status_code == 200
    assert list(answer.json()) == ["feedback_id"]
    found = vote(gateway, "chat", answer.json()["feedback_id"])
    assert found.message_id == MESSAGE_ID
    assert found.feedback.value == Thumb(like=True)
    assert (found.feedback.aspect, found.feedback.rater) == ("ok", Rater(id="u1"))
    assert found.feedback.id == answer.json()["feedback_id"]


def test_an_episode_is_a_conversation(gateway: Gateway, key: str) -> None:
    body = {"episode_id": "whole", "metric_name": "comment", "value": "fine"}
    with gateway.client(key) as client:
        answer = client.post("/feedback", json=body)
    found = vote(gateway, "whole", answer.json()["feedback_id"])
    assert (found.message_id, found.feedback.value) == (None, Text(text="fine"))


def test_tags_that_are_not_kept_are_named(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        answer = client.post("/feedback", json=given(tags={"variant": "a"}))
    assert answer.json()["tags_not_kept"] == ["variant"]


def test_a_dry_run_sends_nothing(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        answer = client.post(
            "/feedback", json={**given(dryrun=True), "inference_id": carrying_id("1" * 26, "dry")}
        )
        refused = client.post("/feedback", json=given(dryrun=True, metric_name="m", value=9))
    assert (answer.status_code, refused.status_code) == (200, 422)
    assert events_of(gateway.connection, "dry") == []


def test_a_request_that_is_sent_again_with_its_key_is_one_event(gateway: Gateway, key: str) -> None:
    body = {"episode_id": "once", "metric_name": "ok", "value": True}
    with gateway.client(key) as client:
        headers = {"Idempotency-Key": "k1"}
        answers = [client.post("/feedback", json=body, headers=headers).json() for _ in range(2)]
        other = client.post("/feedback", json=body).json()
    assert answers[0] == answers[1] != other
    assert len({event.event_id for event in events_of(gateway.connection, "once")}) == 2


@pytest.mark.parametrize(
    ("fields", "status", "detail"),
    [
        pytest.param(
            {"inference_id": "chatcmpl-none"}, 404, "carry their conversation", id="unknown message"
        ),
        pytest.param({"inference_id": "pm-short@chat"}, 404, "carry their conversation", id="no id of ours"),
        pytest.param({"value": 7}, 422, "PLAUDIT_ASPECTS", id="no scale"),
        pytest.param({"tags": {"rater_kind": "boss"}}, 422, "must be one of", id="unknown kind"),
        pytest.param({"episode_id": "both"}, 422, "give either", id="both targets"),
    ],
)
def test_a_request_that_does_not_fit_is_a_problem(
    gateway: Gateway, key: str, fields: dict[str, Any], status: int, detail: str
) -> None:
    with gateway.client(key) as client:
        answer = client.post("/feedback", json=given(**fields))
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json()["detail"]


def test_a_page_judges_its_own_conversation_as_its_user(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        asked = {"conversation_id": "paged", "user_id": "u1"}
        token = client.post("/v1/tokens", json=asked).json()["token"]
    own, foreign = carrying_id("2" * 26, "paged"), carrying_id("2" * 26, "other")
    with gateway.client(token) as page:
        statuses = [
            page.post("/feedback", json=given(**fields)).status_code
            for fields in (
                {"inference_id": own},
                {"inference_id": foreign},
                {"inference_id": own, "tags": {"user_id": "u2"}},
                {"inference_id": own, "tags": {"rater_kind": "reviewer"}},
            )
        ]
    assert statuses == [200, 403, 403, 403]
    assert len(events_of(gateway.connection, "paged")) == 1
    assert events_of(gateway.connection, "other") == []


def test_a_page_does_not_learn_which_responses_there_are(gateway: Gateway, key: str) -> None:
    with gateway.client(key) as client:
        call = payload(session_id="asked", response={**payload()["response"], "id": "chatcmpl-asked"})
        assert client.post("/v1/litellm", json=call).status_code == 200
        tokens = [
            client.post("/v1/tokens", json={"conversation_id": name}).json()["token"]
            for name in ("asked", "another")
        ]
    statuses = []
    for token in tokens:
        with gateway.client(token) as page:
            statuses.append(page.post("/feedback", json=given(inference_id="chatcmpl-asked")).status_code)
    assert statuses == [200, 404]


def test_a_key_needs_its_role(gateway: Gateway) -> None:
    secret = gateway.key("reader")
    with gateway.client(secret) as client:
        eventually(lambda: client.post("/feedback", json=given()).status_code == 403, "it is forbidden")
    with gateway.client(None) as client:
        assert client.post("/feedback", json=given()).status_code == 401


@pytest.mark.slow
def test_metrics_are_declared_aspects(gateways: Callable[..., Gateway], tmp_path: Path) -> None:
    path = tmp_path / "aspects.yaml"
    path.write_text(ASPECTS)
    made = gateways(aspects=str(path))
    secret = made.key()
    made.start()
    episode = {"episode_id": "rated", "inference_id": None}
    with made.client(secret) as client:
        rated = client.post("/feedback", json=given(**episode, metric_name="user_rating", value=10))
        assert rated.status_code == 200
        for fields, detail in (
            ({"metric_name": "draft_acepted"}, "did you mean draft_accepted"),
            ({"metric_name": "draft_accepted", "value": 0.5}, "declared with kinds thumb"),
            ({"metric_name": "user_rating", "value": 5}, "declared with levels conversation"),
            ({**episode, "metric_name": "user_rating", "value": 11}, "outside the scale"),
        ):
            answer = client.post("/feedback", json=given(**fields))
            assert (answer.status_code, detail in answer.json()["detail"]) == (422, True), answer.text
    found = vote(made, "rated", rated.json()["feedback_id"])
    assert found.feedback.value == Number(number=10, minimum=1, maximum=10)


@pytest.mark.slow
def test_without_redis_only_response_ids_must_wait(
    gateways: Callable[..., Gateway], valkey_server: Callable[[], ValkeyServer]
) -> None:
    server = valkey_server()
    made = gateways(redis=server.address)
    secret = made.key()
    made.start()
    with made.client(secret) as client:
        server.kill()
        waits = client.post("/feedback", json=given(inference_id="chatcmpl-1"))
        assert (waits.status_code, "retry-after" in waits.headers) == (503, True)
        assert client.post("/feedback", json=given()).status_code == 200
