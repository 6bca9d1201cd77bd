"""Calls and votes of other systems through a real gateway, Kafka and worker: what the state then holds."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from harness.gateway import Gateway
from tests.integration.test_replay import states
from tests.support.line import Line
from tests.support.litellm_payloads import payload
from tests.support.open_webui_votes import vote

pytestmark = [pytest.mark.kafka, pytest.mark.redis, pytest.mark.slow]


class Doors(NamedTuple):
    """A line with a worker, and a client of its gateway."""

    line: Line
    client: httpx.Client

    def post(self, path: str, body: Any) -> dict[str, Any]:
        answer = self.client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def states(self) -> list[dict[str, Any]]:
        """All conversations, as the worker has folded them."""
        self.line.wait_folded()
        return list(states(self.line).values())


@pytest.fixture
def doors(line: Callable[..., Line], tmp_path: Path) -> Iterator[Doors]:
    one = line()
    gateway = Gateway(one.connection, tmp_path)
    secret = gateway.key("producer", "reader")
    gateway.start()
    one.start_worker()
    with gateway.client(secret) as client:
        yield Doors(one, client)
    assert gateway.stop() == 0


def words(state: dict[str, Any]) -> dict[tuple[str | None, str], Any]:
    """What holds of all feedback: by message and kind."""
    held = [slot for slot in state["feedback"].values() if slot["feedback"].get("value") is not None]
    return {(slot["message_id"], slot["feedback"]["kind"]): slot["feedback"]["value"][1] for slot in held}


def test_votes_of_open_webui_hold_exactly_what_it_has(doors: Doors) -> None:
    for _ in range(2):  # running it twice changes nothing
        doors.post("/v1/open-webui", [vote("c", "a", 1), vote("c", "b", -1, reason="too long")])
    (state,) = doors.states()
    assert {name: message["parent_id"] for name, message in state["messages"].items()} == {
        "q": "", "a": "q", "b": "q",
    }  # fmt: skip
    before = state["events"]
    assert words(state) == {
        ("a", "thumb"): {"like": True},
        ("b", "thumb"): {"like": False},
        ("b", "label"): {"labels": ["too long"]},
    }
    for version, rating in enumerate((-1, 1), 1):
        doors.post("/v1/open-webui", vote("c", "a", rating, version=version))
    doors.post("/v1/open-webui", {"deleted": ["c-b"]})
    (state,) = doors.states()
    assert words(state) == {("a", "thumb"): {"like": True}}
    assert state["events"] == before + 4


def test_calls_of_litellm_are_one_chat_with_feedback_by_response_id(doors: Doors) -> None:
    given: list[dict[str, str]] = []
    for number, (question, answer) in enumerate((("hi", "hello"), ("and?", "sure"))):
        given.append({"role": "user", "content": question})
        choices = [{"finish_reason": "stop", "message": {"role": "assistant", "content": answer}}]
        response = {"id": f"chatcmpl-{number}", "choices": choices}
        record = payload(session_id="s", messages=list(given), response=response)
        for _ in range(2):
            doors.post("/v1/litellm", [record])
        given.append({"role": "assistant", "content": answer})
    doors.post("/feedback", {"inference_id": "chatcmpl-1", "metric_name": "satisfaction", "value": False})
    doors.post("/feedback", {"inference_id": "chatcmpl-1", "metric_name": "satisfaction", "value": True})
    doors.post("/feedback", {"episode_id": "s", "metric_name": "comment", "value": "fine"})
    (state,) = doors.states()
    assert [message["content"] for message in state["messages"].values()] == ["hi", "hello", "and?", "sure"]
    last = list(state["messages"])[-1]
    assert words(state) == {(last, "thumb"): {"like": True}, (None, "text"): {"text": "fine"}}
