"""The example of a chat backend and its page, clicked through in a real Chromium."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from plaudit_schemas.events import AddMessage, StartConversation, Thumb, UpdateMessage
from playwright.sync_api import Page

from tests.producers.sdk.topics import by_conversation, read_log
from tests.support.gateway import Gateway, free_port, make_gateway
from tests.support.services import ROOT, eventually

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


@pytest.fixture
def gateway(kafka: str, valkey: str, tmp_path: Path) -> Iterator[Gateway]:
    made = make_gateway(kafka, valkey, tmp_path, gateway_cors_origins="*")
    made.secret = made.key(application="chat")
    yield made.start()
    assert made.stop() == 0


@pytest.fixture
def backend(gateway: Gateway, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    environ = {
        **os.environ,
        "CHAT_KEY": gateway.secret,
        "CHAT_GATEWAY": gateway.url,
        "PLAUDIT_BOOTSTRAP_SERVERS": gateway.connection.bootstrap_servers,
        "PLAUDIT_TOPIC_PREFIX": gateway.connection.topic_prefix,
    }
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT / "examples"), "chat_backend:app"]
    with (tmp_path / "backend.log").open("wb") as log:
        process = subprocess.Popen([*command, "--port", str(port)], env=environ, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "backend.log").read_text()
        try:
            return httpx.get(url).status_code == 200
        except httpx.TransportError:
            return False

    try:
        eventually(answers, "the backend answers", 60)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def test_a_question_is_answered_and_rated(gateway: Gateway, backend: str, page: Page) -> None:
    page.goto(backend)
    page.get_by_label("Your question").fill("  hello \U0001f600")
    page.get_by_role("button", name="Ask").click()
    page.get_by_role("button", name="Good answer").click()

    def log() -> list[object]:
        chats = by_conversation(read_log(gateway.connection))
        assert len(chats) <= 1
        return list[object](event.body for events in chats.values() for event in events)

    eventually(lambda: len(log()) == 4, "start, question, answer and like are in the log", 60)
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
    eventually(lambda: page.get_by_role("status").text_content() == "", "nothing waits", 30)
