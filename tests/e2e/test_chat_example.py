"""The example of a chat backend and its page, clicked through in a real Chromium."""

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from plaudit_infra.servers.process import free_port
from plaudit_schemas.contract.events import AddMessage, StartConversation, UpdateMessage
from plaudit_schemas.contract.feedback import Thumb
from playwright.sync_api import Page

from harness.gateway import Gateway
from harness.waiting import eventually
from tests.support.event_log import by_conversation, read_log
from tests.support.gateway import make_gateway
from tests.support.services import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture
def port() -> int:
    """Where the page is."""
    return free_port()


@pytest.fixture
def commands(port: int) -> dict[str, str]:
    """What the example's docstring says to run, with another port for the page."""
    docstring = ast.get_docstring(ast.parse((ROOT / "examples" / "chat_backend.py").read_text())) or ""
    lines = [line.strip() for line in docstring.replace(":8000", f":{port}").splitlines()]
    [gateway] = [line for line in lines if line.endswith("plaudit gateway")]
    [backend] = [line for line in lines if "uvicorn" in line]
    return {"gateway": gateway, "backend": backend.replace("--port 8000", f"--port {port}")}


@pytest.fixture
def gateway(kafka: str, valkey: str, tmp_path: Path, commands: dict[str, str]) -> Iterator[Gateway]:
    said = dict(word.split("=", 1) for word in commands["gateway"].split() if "=" in word)
    settings = {name.removeprefix("PLAUDIT_").lower(): value for name, value in said.items()}
    made = make_gateway(kafka, valkey, tmp_path, **settings)
    yield made.start()
    assert made.stop() == 0


@pytest.fixture
def backend(gateway: Gateway, tmp_path: Path, port: int, commands: dict[str, str]) -> Iterator[str]:
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "CHAT_GATEWAY": gateway.url,
        "PLAUDIT_GATEWAY_KEYS": str(gateway.folder / "keys.json"),
        "PLAUDIT_BOOTSTRAP_SERVERS": gateway.connection.bootstrap_servers,
        "PLAUDIT_TOPIC_PREFIX": gateway.connection.topic_prefix,
    }
    with (tmp_path / "backend.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", commands["backend"]],
            env=environ, cwd=ROOT, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "backend.log").read_text()
        try:  # a token: the gateway knows the new key
            return httpx.post(f"{url}/token?conversation_id=nobody's").status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(answers, "the backend answers")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(120)


def test_a_question_is_answered_and_rated(gateway: Gateway, backend: str, page: Page) -> None:
    page.goto(backend)
    page.get_by_label("Your question").fill("  hello \U0001f600")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("button", name="Good answer").click()

    def log() -> list[object]:
        chats = by_conversation(read_log(gateway.connection))
        assert len(chats) <= 1
        return list[object](event.body for events in chats.values() for event in events)

    eventually(lambda: len(log()) == 4, "start, question, answer and like are in the log")
    # The page's like and the backend's events come by two ways: which is first in the log is open.
    rated, *bodies = sorted(log(), key=lambda body: not isinstance(body, UpdateMessage))
    start, question, answer = bodies
    assert isinstance(start, StartConversation)
    assert isinstance(question, AddMessage)
    assert isinstance(answer, AddMessage)
    assert isinstance(rated, UpdateMessage)
    assert (question.content, answer.content) == ("  hello \U0001f600", "\U0001f600 olleh  ")
    assert (rated.message_id, rated.feedback.value) == (answer.message_id, Thumb(like=True))
    page.get_by_role("button", name="Good answer", pressed=True).wait_for()
    eventually(lambda: page.get_by_role("status").text_content() == "", "nothing waits")
