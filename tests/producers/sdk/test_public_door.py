"""What the package promises to export, how it starts, and its example."""

import subprocess
import sys
import threading
from typing import assert_type

import plaudit_producers
import pytest
from plaudit_producers import AsyncConversation, AsyncFeedbackProducer, FeedbackProducer
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.settings.connection import ConnectionSettings

from tests.support.event_log import by_conversation, own_topics, read_log
from tests.support.services import ROOT


def test_all_is_all() -> None:
    public = {name for name in vars(plaudit_producers) if not name.startswith("_")}
    submodules = {
        name for name in public if type(getattr(plaudit_producers, name)) is type(plaudit_producers)
    }
    assert set(plaudit_producers.__all__) == public - submodules
    assert plaudit_producers.__all__ == sorted(plaudit_producers.__all__)


async def types_hold(producer: FeedbackProducer, other: AsyncFeedbackProducer) -> None:
    """Never run: a type checker reads it."""
    assert_type(producer.start_conversation().add_message("user", "x"), str)
    chat = await other.start_conversation()
    assert_type(chat, AsyncConversation)
    assert_type(await chat.like("m"), str)


def test_no_thread_and_no_connection_before_first_use() -> None:
    before = threading.active_count()
    producer = FeedbackProducer("shop", connection=ConnectionSettings(bootstrap_servers="127.0.0.1:1"))
    producer.start_conversation  # noqa: B018  # looking is not using
    assert threading.active_count() == before
    producer.start()
    assert threading.active_count() > before  # so the comparison sees threads
    producer.close(0)
    assert threading.active_count() == before


def test_the_fake_is_a_producer() -> None:
    producer = InMemoryProducer()
    producer.start_conversation().end()
    assert len(producer.events) == 2
    producer.clear()
    assert producer.events == []


@pytest.mark.kafka
def test_the_ten_line_example_sends_its_chat(kafka: str) -> None:
    settings = own_topics(kafka)
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "ten_lines.py"],
        env={"PLAUDIT_BOOTSTRAP_SERVERS": kafka, "PLAUDIT_TOPIC_PREFIX": settings.topic_prefix},
        cwd="/", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "0 events wait" in done.stdout
    assert [len(events) for events in by_conversation(read_log(settings)).values()] == [5]
