"""A schema registry that does not answer holds up no chat; once it does, its id is written."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_schemas.codec.catalog import packaged_id
from plaudit_schemas.codec.header import schema_id_of
from plaudit_schemas.codec.wire import Decoder
from plaudit_schemas.contract.events import ConversationEvent, EndConversation
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.waiting import eventually
from tests.support.librdkafka import mocked

EVENT = ConversationEvent(application="shop", conversation_id="c", body=EndConversation())


class Registry:
    """Takes requests at once and keeps them waiting until `answers` is set."""

    def __init__(self) -> None:
        self.asked, self.answers = threading.Event(), threading.Event()
        self.requests = 0
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                registry.requests += 1
                registry.asked.set()
                registry.answers.wait()
                body = b'{"id": 7}'
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing on the terminal."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # type: ignore[method-assign]  # who asked has left
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"


@pytest.fixture
def registry() -> Iterator[Registry]:
    made = Registry()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.answers.set()
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def written_id(producer: FeedbackProducer) -> int | None:
    return schema_id_of(producer.pack(EVENT.to_record())[1])


@pytest.mark.parametrize("spool", [False, True], ids=["memory", "spool"])
def test_no_call_waits_for_the_registry_and_its_id_comes_later(
    registry: Registry, tmp_path: Path, spool: bool
) -> None:
    options: dict[str, Any] = {"spool_dir": tmp_path} if spool else {}
    settings = mocked().model_copy(
        update=ConnectionSettings(schema_registry_url=registry.url).model_dump(
            include={"schema_registry_url"}
        )
    )
    with FeedbackProducer("shop", connection=settings, exit_timeout_s=60, **options) as producer:
        for _ in range(100):
            producer.conversation("c").like(None)
        assert producer.flush(60) == 0
        assert producer.stats().delivered == 100
        assert registry.asked.wait(60)
        # All that came back while the request still waits for its answer.
        assert not registry.answers.is_set()
        assert written_id(producer) == packaged_id("conversation_event")
        assert Decoder("conversation_event", settings.schemas()).decode(producer.pack(EVENT.to_record())[1])
        registry.answers.set()
        eventually(lambda: written_id(producer) == 7, "the registry's id")


def test_a_producer_that_was_closed_asks_no_more(registry: Registry) -> None:
    settings = ConnectionSettings(bootstrap_servers="127.0.0.1:1", schema_registry_url=registry.url)
    producer = FeedbackProducer("shop", connection=settings)
    assert registry.requests == 0
    producer.start()
    assert registry.asked.wait(60)
    producer.close(0)
    registry.server.shutdown()  # what it asks from here on is refused
    registry.answers.set()
    asking = [thread for thread in threading.enumerate() if thread.name == "plaudit-registry"]
    deadline = time.monotonic() + 60
    for thread in asking:
        thread.join(deadline - time.monotonic())
        assert not thread.is_alive()
