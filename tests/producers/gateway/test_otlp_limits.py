"""OTLP under limits and outages: a large request is slowed down, and what can be sent again is said to be."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from plaudit_infra.servers.valkey import ValkeyServer
from plaudit_schemas.contract.events import AddMessage

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.producers.gateway.test_otlp import JSON, PROTOBUF, chat
from tests.support.event_log import read_log
from tests.support.otlp import as_json, as_protobuf, log, logs, span, traces

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


def calls(name: str, count: int) -> dict[str, Any]:
    """A request with so many conversations of one call, three events each."""
    return traces(*(span(number, chat(f"{name}-{number}", "Hi", f"A{number}")) for number in range(count)))


def answers(gateway: Gateway, name: str) -> list[str]:
    return [
        each.event.body.content
        for each in read_log(gateway.connection)
        if each.event.conversation_id.startswith(name)
        and isinstance(each.event.body, AddMessage)
        and each.event.body.role == "assistant"
    ]


def posted(client: httpx.Client, request: dict[str, Any]) -> httpx.Response:
    return client.post("/v1/traces", content=as_protobuf(request), headers=PROTOBUF)


@pytest.mark.slow
def test_a_large_request_is_slowed_down_and_makes_progress(gateways: Callable[..., Gateway]) -> None:
    made = gateways()
    secret = made.key("producer", rate=600)
    made.start()
    with made.client(secret) as client:
        began = time.monotonic()
        assert posted(client, calls("slowed", 400)).status_code == 200
        assert time.monotonic() - began > 0.5  # 1,200 events, and the bucket held 600
        larger = calls("larger", 3000)
        given: list[httpx.Response] = []

        def is_taken() -> bool:
            given.append(posted(client, larger))
            return given[-1].status_code == 200

        eventually(is_taken, "what was sent costs nothing when the request comes again")
        refused = given[:-1]
        assert refused
        assert {each.status_code for each in refused} == {429}
        assert all(int(each.headers["retry-after"]) >= 1 for each in refused)
    found = answers(made, "larger")
    assert (len(found), len(set(found))) == (3000, 3000)


@pytest.mark.slow
def test_without_redis_calls_are_taken_and_evaluations_come_again(
    gateways: Callable[..., Gateway], valkey_server: Callable[[], ValkeyServer]
) -> None:
    server = valkey_server()
    made = gateways(redis=server.address)
    secret = made.key("producer", "reviewer")
    made.start()
    score = {"gen_ai.evaluation.name": "tone", "gen_ai.evaluation.score.value": 1, "gen_ai.response.id": "r"}
    with made.client(secret) as client:
        server.kill()
        assert posted(client, calls("without", 3)).status_code == 200
        evaluated = logs(log("gen_ai.evaluation.result", score))
        answer = client.post("/v1/logs", content=as_json(evaluated), headers=JSON)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        asked = logs(log("gen_ai.user.message", {}, body={"content": "Hi"}))
        assert client.post("/v1/logs", content=as_json(asked), headers=JSON).status_code == 503
    assert len(answers(made, "without")) == 3
