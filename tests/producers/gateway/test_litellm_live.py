"""LiteLLM itself: our logger in its process, and its own `generic_api` logger on a real gateway."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from plaudit_schemas.contract.events import AddMessage

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import answers, known_key
from tests.support.services import ROOT

# LiteLLM takes up to half a minute to load.
pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


@pytest.fixture(scope="module")
def found(gateway: Gateway) -> dict[str, Any]:
    """What a process with LiteLLM found."""
    secret = known_key(gateway, "producer")
    environment = {**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "PLAUDIT_TEST_KEY": secret}
    command = [sys.executable, "-m", "tests.support.litellm_calls", gateway.url]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return printed


def said(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    bodies = [event["body"] for event in events]
    return [(body["role"], body["content"]) for body in bodies if body["type"] == "AddMessage"]


@pytest.mark.parametrize("name", ["whole", "streamed", "blocking", "blocking stream", "read elsewhere"])
def test_a_call_is_recorded_whole(found: dict[str, Any], name: str) -> None:
    answer = {"streamed": "Hello you there"}.get(name, "Hello")
    assert found[name]["answer"] == answer
    events = found[name]["events"]
    assert said(events) == [("system", "Be kind."), ("user", "Hi"), ("assistant", answer)]
    conversation = {"whole": "c-1", "streamed": "s-1"}.get(name, name)
    assert {event["conversation_id"] for event in events} == {conversation}


def test_the_current_conversation_names_user_and_last_message(found: dict[str, Any]) -> None:
    start, *_, answer = [event["body"] for event in found["whole"]["events"]]
    assert start["user_id"] == "u-1"
    assert found["whole"]["last_message_id"] == answer["message_id"]
    assert answer["model"]["id"] == "gpt-4o"
    assert answer["metadata"]["response_id"].startswith("chatcmpl-")


def test_a_failed_call_is_recorded_with_its_error(found: dict[str, Any]) -> None:
    assert found["failed"]["error"] == "InternalServerError"
    answer = found["failed"]["events"][-1]["body"]
    assert answer["status"] == "error"
    assert "boom" in answer["metadata"]["error"]


def test_an_error_of_ours_never_reaches_the_host(found: dict[str, Any]) -> None:
    assert found["broken"]["answer"] == "Hello"
    assert found["broken"]["swallowed"] == {"litellm: recording a call": 1}


def test_the_proxy_has_an_instance(found: dict[str, Any]) -> None:
    assert found["proxy"]


def test_the_batches_of_litellm_reach_kafka(gateway: Gateway, found: dict[str, Any]) -> None:
    assert found["batched"]["left"] == 0
    events = by_conversation(read_log(gateway.connection))["batch"]
    added = [event.body for event in events if isinstance(event.body, AddMessage)]
    assert [(body.role, body.content) for body in added] == [
        ("system", "Be kind."), ("user", "Hi"), ("assistant", "Hello"),
    ]  # fmt: skip
    with gateway.client(gateway.key("producer")) as client:
        for response_id in found["batched"]["ids"]:
            vote = {"inference_id": response_id, "metric_name": "ok", "value": True}
            eventually(answers(client, "/feedback", vote, 200), "it is found")
