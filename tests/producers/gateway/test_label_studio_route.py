"""Webhooks of Label Studio over HTTP on real servers: what Kafka then has, and what is taken back."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_producers.gateway.intake.label_studio import read_webhook
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_producers.interchange.review_tasks import ReviewTask, task_of
from plaudit_schemas.contract.events import CompareMessages, DeclineReview, ExcludeFromTraining, UpdateMessage
from plaudit_schemas.errors import InvalidEventError
from plaudit_schemas.review.targets import ReviewTarget
from pydantic import ValidationError

from harness.gateway import Gateway
from tests.producers.interchange.annotations import annotation, choice, deleted, result, text, webhook
from tests.producers.interchange.rubrics import document, rubric
from tests.support.event_log import read_log
from tests.support.gateway import known_key, make_gateway

pytestmark = [pytest.mark.kafka, pytest.mark.redis]

LEFT = result("best", "answer1,answer2", "pairwise", selected="left")
RIGHT = result("best", "answer1,answer2", "pairwise", selected="right")
LATER = "2026-11-26T23:11:{:02}.000000Z"


@pytest.fixture(scope="module")
def key(gateway: Gateway) -> str:
    return known_key(gateway, "reviewer")


def task(chat: str, target: str = "answers", message: str = "q1") -> ReviewTask:
    """A task about a conversation of this name."""
    whole = {**document(), "conversation_id": chat}
    made = task_of(rubric(target), whole, ReviewTarget(target, chat, message))  # type: ignore[arg-type]  # of a test
    assert made is not None
    return made


def post(gateway: Gateway, key: str, body: Any, status: int = 200, query: str = "") -> list[tuple[str, str]]:
    """Post a webhook. Returns id and status of each result."""
    with gateway.client(key) as client:
        answer = client.post(f"/v1/label-studio{query}", json=body)
    assert answer.status_code == status, answer.text
    return [(each["id"], each["status"]) for each in answer.json().get("results", [])]


def bodies(gateway: Gateway, chat: str) -> list[Any]:
    """The bodies of a conversation's events, without the time that somebody took."""
    seen: dict[str, Any] = {}
    for logged in read_log(gateway.connection):
        event = logged.event
        if event.conversation_id == chat:
            seen.setdefault(event.event_id, event.body)
    return [
        each
        for each in seen.values()
        if not (isinstance(each, UpdateMessage) and each.feedback.kind == "signal")
    ]


def holds(gateway: Gateway, chat: str) -> list[Any]:
    """The rankings that hold: the last one of each comparison."""
    last = {
        each.comparison_id: each.ranking
        for each in bodies(gateway, chat)
        if isinstance(each, CompareMessages)
    }
    return [ranking for ranking in last.values() if ranking]


def test_made_changed_and_deleted(gateway: Gateway, key: str) -> None:
    made = task("whole")
    first, second = made.carried.address.candidates
    assert post(gateway, key, webhook("ANNOTATION_CREATED", made, annotation(LEFT))) == [("1", "accepted")]
    (comparison,) = bodies(gateway, "whole")
    assert (comparison.ranking, comparison.rater.id) == ([[first], [second]], "label-studio-1")
    changed = annotation(RIGHT, updated_at=LATER.format(20))
    assert post(gateway, key, webhook("ANNOTATION_UPDATED", made, changed)) == [("1", "accepted")]
    assert holds(gateway, "whole") == [[[second], [first]]]
    before = len(read_log(gateway.connection))
    again = [webhook("ANNOTATION_UPDATED", made, each) for each in (changed, annotation(LEFT))]
    assert [post(gateway, key, each) for each in again] == [[("1", "unchanged")]] * 2
    assert len(read_log(gateway.connection)) == before
    assert post(gateway, key, deleted(1, 99)) == [("1", "withdrawn"), ("99", "unknown")]
    assert holds(gateway, "whole") == []
    assert post(gateway, key, deleted(1)) == [("1", "unknown")]


def test_a_skip_and_a_correction_that_went(gateway: Gateway, key: str) -> None:
    made = task("skipped")
    first = annotation(LEFT, text("fix", "better"), id=5)
    post(gateway, key, webhook("ANNOTATION_CREATED", made, first))
    skipped = annotation(id=5, was_cancelled=True, updated_at=LATER.format(20))
    assert post(gateway, key, webhook("ANNOTATION_UPDATED", made, skipped)) == [("5", "accepted")]
    found = bodies(gateway, "skipped")
    assert isinstance(found[-1], DeclineReview)
    assert holds(gateway, "skipped") == []
    words = {each.message_id: each.feedback.value for each in found if isinstance(each, UpdateMessage)}
    assert set(words.values()) == {None}
    assert post(gateway, key, deleted(5)) == [("5", "withdrawn")]


def test_a_demonstration_that_changed_excludes_the_one_before(gateway: Gateway, key: str) -> None:
    made = task("written", "prompt")
    for second, words in ((20, "one"), (30, "two")):
        said = annotation(
            text("reply", words), choice("good", "thumb up"), id=6, updated_at=LATER.format(second)
        )
        post(gateway, key, webhook("ANNOTATION_UPDATED", made, said))
    found = bodies(gateway, "written")
    excluded = [each.message_id for each in found if isinstance(each, ExcludeFromTraining)]
    contents = {each.message_id: each.content for each in found if hasattr(each, "content")}
    assert [contents[each] for each in excluded] == ["one"]


def test_servers_are_told_apart(gateway: Gateway, key: str) -> None:
    post(gateway, key, webhook("ANNOTATION_CREATED", task("two"), annotation(LEFT, id=7)), query="?server=a")
    assert post(gateway, key, deleted(7), query="?server=b") == [("7", "unknown")]
    assert post(gateway, key, deleted(7), query="?server=a") == [("7", "withdrawn")]


def test_other_actions_say_nothing(gateway: Gateway, key: str) -> None:
    assert post(gateway, key, {"action": "PROJECT_UPDATED", "project": {"id": 1}}) == []


def test_what_is_refused(gateway: Gateway, key: str) -> None:
    none = webhook("ANNOTATION_CREATED", task("bad"), annotation(id=8))
    assert post(gateway, key, none, 422) == [("8", "refused")]
    foreign = webhook("ANNOTATION_CREATED", task("bad"), annotation(LEFT, id=8))
    foreign["task"]["data"].pop("plaudit")
    assert post(gateway, key, foreign, 422) == [("", "refused")]
    both = webhook("ANNOTATIONS_CREATED", task("half"), annotation(LEFT, id=9), annotation(id=10))
    assert post(gateway, key, both, 207) == [("10", "refused"), ("9", "accepted")]
    assert bodies(gateway, "bad") == []
    assert post(gateway, key, {"no": "action"}, 422) == []
    assert post(gateway, key, deleted(1), 422, query=f"?server={'x' * 200}") == []


def test_another_application_is_refused(gateway: Gateway) -> None:
    other = gateway.key("reviewer", application="other")
    with gateway.client(other) as client:
        while client.get("/v1/conversations/none").status_code == 401:
            pass
    body = webhook("ANNOTATION_CREATED", task("theirs"), annotation(LEFT))
    with gateway.client(other) as client:
        answer = client.post("/v1/label-studio", json=body)
    assert answer.status_code == 422
    assert "is about application shop, and the key belongs to other" in answer.text


def test_the_key_needs_its_role(gateway: Gateway) -> None:
    secret = known_key(gateway, "producer")
    assert post(gateway, secret, deleted(1), 403) == []
    assert post(gateway, "none", deleted(1), 401) == []


@pytest.mark.slow
def test_redis_away_is_told(kafka: str, valkey_server: Callable[[], ValkeyServer], tmp_path: Any) -> None:
    server = valkey_server()
    gateway = make_gateway(kafka, server.address, tmp_path).start()
    try:
        secret = known_key(gateway, "reviewer")
        server.kill()
        assert post(gateway, secret, deleted(1), 503) == []
    finally:
        gateway.stop()


@pytest.mark.parametrize("body", [b"[]", b"{}", b"x"], ids=["a list", "no action", "no json"])
def test_what_is_no_webhook(body: bytes) -> None:
    with pytest.raises(InvalidEventError):
        read_webhook(body, {})


@pytest.mark.slow
def test_people_are_named_by_a_setting() -> None:
    settings = GatewaySettings(gateway_label_studio_people="1=ana, 2=ben")
    assert settings.label_studio_people == {"1": "ana", "2": "ben"}
    news = read_webhook(
        json.dumps(webhook("ANNOTATION_CREATED", task("x"), annotation(LEFT))).encode(),
        settings.label_studio_people,
    )
    assert [item.rater for item in news.items] == ["ana"]
    with pytest.raises(ValidationError, match="must be ID=PERSON pairs"):
        GatewaySettings(gateway_label_studio_people="ana")
