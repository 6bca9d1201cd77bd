"""The chat page in this process, on a producer in memory; and a visitor's hands on it."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
import yaml
from plaudit_producers.chat.core import make_core
from plaudit_producers.chat.settings import ChatSettings
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.contract.events import ConversationEvent, UpdateMessage
from plaudit_schemas.settings.connection import ConnectionSettings
from playwright.sync_api import Locator, Page, expect

from harness.waiting import eventually
from tests.support.chat_endpoint import ChatEndpoint


@dataclass(frozen=True)
class PageServer:
    """A running chat page."""

    url: str
    producer: InMemoryProducer

    def bodies(self, conversation_id: str | None = None) -> list[Any]:
        """What was recorded, in its order: of one conversation, or of all."""
        return [
            event.body
            for event in self.producer.events
            if conversation_id is None or event.conversation_id == conversation_id
        ]

    def events(self) -> list[ConversationEvent]:
        """All events that were recorded."""
        return self.producer.events


@contextmanager
def page_server(folder: Path, **settings: Any) -> Iterator[PageServer]:
    """Serves the page until the block ends."""
    from plaudit_producers.chat.page.app import create_app  # Gradio takes seconds to load

    producer = InMemoryProducer("chat", when_full="raise")
    given = ChatSettings.model_validate(settings)
    app = create_app(
        lambda: make_core(given, ConnectionSettings(), producer, folder), lambda: server.should_exit
    )
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, name="chat page")
    thread.start()
    try:
        eventually(lambda: server.started or not thread.is_alive(), "the page is served")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield PageServer(f"http://127.0.0.1:{port}", producer)
    finally:
        server.should_exit = True
        thread.join(60)


def recorded(server: PageServer, kind: type[Any], count: int) -> list[Any]:
    """The bodies of one kind, once there are so many."""

    def bodies() -> list[Any]:
        return [body for body in server.bodies() if isinstance(body, kind)]

    eventually(lambda: len(bodies()) >= count, f"{count} {kind.__name__}")
    assert len(bodies()) == count
    return bodies()


def said(server: PageServer, count: int) -> list[tuple[Any, ...]]:
    """What was said of messages, once so much was, signals aside."""

    def judgements() -> list[tuple[Any, ...]]:
        return [
            (body.feedback.kind, body.feedback.value)
            for body in server.bodies()
            if isinstance(body, UpdateMessage) and body.feedback.kind != "signal"
        ]

    eventually(lambda: len(judgements()) >= count, f"{count} judgements")
    assert len(judgements()) == count
    return judgements()


class PageHands:
    """What a visitor does on the page."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        page.goto(url)
        expect(self.prompt).to_be_visible()

    @property
    def prompt(self) -> Locator:
        return self.page.get_by_placeholder("Your message")

    @property
    def bubbles(self) -> Locator:
        """All messages of the log."""
        return self.page.locator("#chat-log .message")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def choose(self, model: str) -> None:
        self.page.get_by_role("combobox", name="Model").click()
        self.page.get_by_role("option", name=model, exact=True).click()

    def send(self, text: str) -> None:
        self.prompt.fill(text)
        self.prompt.press("Enter")
        expect(self.prompt).to_have_value("")

    def ask(self, text: str) -> None:
        """Say something, and wait for the whole answer."""
        before = self.bubbles.count()
        self.send(text)
        expect(self.bubbles).to_have_count(before + 2)
        self.is_done()

    def is_done(self) -> None:
        expect(self.button("Answer again")).to_be_visible()
        expect(self.button("Stop")).to_be_hidden()


@contextmanager
def serve_models(
    folder: Path, endpoint: ChatEndpoint, names: Sequence[str], **settings: Any
) -> Iterator[PageServer]:
    """A page with guidelines and these models of an endpoint."""
    models = [{"id": name, "endpoint": endpoint.base_url} for name in names]
    (folder / "models.yaml").write_text(yaml.safe_dump({"version": 1, "models": models}))
    (folder / "guide.md").write_text("Like what is **right**.")
    settings |= {"chat_models": str(folder / "models.yaml"), "chat_guidelines": str(folder / "guide.md")}
    with page_server(folder, **settings) as started:
        yield started
