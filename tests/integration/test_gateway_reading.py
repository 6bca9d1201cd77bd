"""What goes in at the gateway is folded by the worker and read back at the gateway."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from plaudit_infra.audit.run import audit
from plaudit_schemas.settings import load
from plaudit_stream_processors.worker.settings import WorkerSettings

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.awkward_ids import AWKWARD_IDS
from tests.support.gateway import like, message
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


def test_live_conversations_for_servers_and_for_their_own_page(
    line: Callable[..., Line], tmp_path: Path
) -> None:
    one = line()
    gateway = Gateway(one.connection, tmp_path)
    secret = gateway.key("producer", "reader", "reviewer")
    gateway.start()
    one.start_worker()
    body = {"type": "AddMessage", "message_id": "a1", "role": "assistant", "reasoning": "hm"}
    body["content"] = "  hi \U0001f600"
    events = [
        message("be nice", "c/1", role="system"),
        message("hello", "c/1"),
        {"conversation_id": "c/1", "body": body},
        like("a1", "c/1"),
        like("a1", "c/1", kind="reviewer", id="r-1"),
    ]
    try:
        with gateway.client(secret) as server:
            assert server.get("/v1/conversations/c%2F1").status_code == 404
            assert server.post("/v1/events", json=events).status_code == 200
            path = "/v1/conversations/c%2F1"
            eventually(lambda: server.get(path).status_code == 200, "the worker has folded it")
            eventually(lambda: server.get(path).json()["events"] == 5, "all of it")
            state: dict[str, Any] = server.get(path).json()
            assert [each["content"] for each in state["messages"]] == ["be nice", "hello", "  hi \U0001f600"]
            assert len(state["feedback"]) == 2
            asked = {"conversation_id": "c/1", "read": True}
            token = server.post("/v1/tokens", json=asked).json()["token"]
            other = server.post("/v1/tokens", json={"read": True}).json()["token"]
        with gateway.client(token) as page:
            seen = page.get(path).json()
            assert [each["role"] for each in seen["messages"]] == ["user", "assistant"]
            assert "reasoning" not in seen["messages"][1]
            assert [each["feedback"]["rater"]["kind"] for each in seen["feedback"]] == ["user"]
        with gateway.client(other) as stranger:
            assert stranger.get(path).status_code == 403
    finally:
        gateway.stop()


@pytest.mark.slow
def test_a_page_does_not_overrule_what_the_server_says(line: Callable[..., Line], tmp_path: Path) -> None:
    one = line()
    gateway = Gateway(one.connection, tmp_path)
    secret = gateway.key("producer", "reader")
    gateway.start()
    one.start_worker()

    def update(**said: Any) -> dict[str, Any]:
        return {"conversation_id": "c1", "held_ms": 0, "body": {"type": "UpdateConversation", **said}}

    try:
        with gateway.client(secret) as server:
            asked = {"conversation_id": "c1"}
            default = server.post("/v1/tokens", json=asked).json()["token"]
            granted = server.post("/v1/tokens", json={**asked, "grants": ["consent", "tags"]}).json()["token"]
            begun = {"type": "StartConversation", "consent": "denied", "tags": {"license": "mine"}}
            started = server.post("/v1/events", json={"conversation_id": "c1", "body": begun})
            assert started.status_code == 200, started.text
            with gateway.client(default) as page:
                for grant, said in (("consent", "granted"), ("tags", {"license": "free"})):
                    refused = page.post("/v1/events", json=update(**{grant: said}))
                    assert (refused.status_code, f'["{grant}"]' in refused.json()["detail"]) == (403, True)
            with gateway.client(granted) as page:
                words = update(consent="granted", tags={"license": "free", "locale": "de"})
                assert page.post("/v1/events", json=words).status_code == 200
            path = "/v1/conversations/c1"

            def state() -> dict[str, Any]:
                read: dict[str, Any] = server.get(path).json()
                return read

            eventually(lambda: state().get("events") == 2, "the worker has folded it")
            assert (state()["consent"], state()["tags"]) == ("denied", {"license": "mine", "locale": "de"})
        one.wait_folded()
        report = audit(one.connection, load(WorkerSettings, environ={}), None, wait_s=60)
        assert report.balanced, report.document()
    finally:
        gateway.stop()


@pytest.mark.slow
def test_each_id_is_read_as_itself(line: Callable[..., Line], tmp_path: Path) -> None:
    one = line()
    gateway = Gateway(one.connection, tmp_path)
    secret = gateway.key("producer", "reader")
    gateway.start()
    one.start_worker()
    try:
        with gateway.client(secret) as server:
            events = [message(f"of {each}", each) for each in AWKWARD_IDS]
            assert server.post("/v1/events", json=events).status_code == 200

            def read(conversation: str) -> httpx.Response:
                return server.get(f"/v1/conversations/{quote(conversation, safe='')}")

            eventually(lambda: all(read(each).status_code == 200 for each in AWKWARD_IDS), "all are folded")
            for each in AWKWARD_IDS:
                state: dict[str, Any] = read(each).json()
                said = [message["content"] for message in state["messages"]]
                assert (state["conversation_id"], said) == (each, [f"of {each}"])
            for nobody in ("user:7\n\n", "x" * 126, "user:7%0A", "user:7:thread:2\n"):
                assert read(nobody).status_code == 404, repr(nobody)
    finally:
        gateway.stop()
