"""A real Kafka that goes away under load and comes back."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plaudit_infra.servers.kafka import KafkaServer
from plaudit_producers import AsyncFeedbackProducer, Delivery, DeliveryFuture, FeedbackProducer

from harness.waiting import eventually
from tests.support.event_log import assert_whole_and_in_order, own_topics, read_log

CHATS = 11

Make = Callable[[], KafkaServer]


class Load:
    """Sends without pause, one conversation after the other in turn, until it is told to stop."""

    def __init__(self, producer: FeedbackProducer) -> None:
        self.sent = {f"chat {number}": 0 for number in range(CHATS)}
        self._producer = producer
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive()

    def total(self) -> int:
        return sum(self.sent.values())

    def _run(self) -> None:
        for number in itertools.count():
            if self._stop.wait(0.001):
                return
            name = f"chat {number % CHATS}"
            self._producer.conversation(name).add_message("user", f" {number} \U0001f600")
            self.sent[name] += 1


def outage(
    server: KafkaServer, stop: Callable[[], object], load: Load, producer: FeedbackProducer, seconds: float
) -> None:
    """Load before, through and after an absence of Kafka: of 1,500 events at least, and so many seconds."""
    eventually(lambda: producer.stats().delivered > 300, "events to flow")
    stop()
    before, until = load.total(), time.monotonic() + seconds
    eventually(
        lambda: load.total() > before + 1500 and time.monotonic() > until, "the load to go on without Kafka"
    )
    server.start()
    delivered = producer.stats().delivered
    eventually(lambda: producer.stats().delivered > delivered + 300, "events to flow again")


@pytest.mark.kafka
@pytest.mark.parametrize(
    ("spool", "how", "seconds"),
    [
        pytest.param(True, "kill", 0, marks=pytest.mark.slow, id="spool, kafka killed"),
        pytest.param(True, "stop", 30, marks=pytest.mark.slow, id="spool, kafka stopped for 30 s"),
        pytest.param(False, "kill", 0, marks=pytest.mark.slow, id="memory, kafka killed"),
    ],
)
def test_nothing_is_lost_or_doubled_when_kafka_comes_back(
    kafka_server: Make, tmp_path: Path, how: str, spool: bool, seconds: float
) -> None:
    server = kafka_server()
    settings = own_topics(server.address)
    deliveries: list[Delivery] = []
    # With a spool memory takes but a few, so that the rest must come from disk.
    options: dict[str, Any] = (
        {"spool_dir": tmp_path / "spool", "max_buffer_events": 100} if spool else {"when_full": "raise"}
    )
    producer = FeedbackProducer("shop", connection=settings, on_delivery=deliveries.append, **options)
    with producer:
        with Load(producer) as load:
            outage(server, getattr(server, how), load, producer, seconds)
        assert producer.flush(120) == 0
    log = read_log(settings)
    assert_whole_and_in_order(log, load.sent)
    assert [delivery for delivery in deliveries if delivery.error] == []
    assert {(each.event_id, each.partition, each.offset) for each in deliveries} == {
        (logged.event.event_id, logged.partition, logged.offset) for logged in log
    }
    assert len(deliveries) == load.total()
    assert not spool or list((tmp_path / "spool").iterdir()) == []


@pytest.mark.kafka
@pytest.mark.slow
def test_a_spool_outlives_kafka_and_the_process(kafka_server: Make, tmp_path: Path) -> None:
    server, spool = kafka_server(), tmp_path / "spool"
    settings = own_topics(server.address)
    server.kill()
    sent = {f"chat {number}": 0 for number in range(CHATS)}
    for _ in range(3):  # three processes' worth, none of which sees Kafka
        with FeedbackProducer("shop", connection=settings, spool_dir=spool, exit_timeout_s=0) as producer:
            for name in sent:
                producer.conversation(name).like(None)
    server.start()
    with FeedbackProducer("shop", connection=settings, spool_dir=spool) as producer:
        assert producer.flush(120) == 0
        assert producer.stats().delivered == 3 * CHATS
    log = read_log(settings)
    assert len({logged.event.event_id for logged in log}) == len(log) == 3 * CHATS
    producers = [logged.event.producer for logged in log if logged.event.conversation_id == "chat 0"]
    assert len(set(producers)) == 3
    assert list(spool.iterdir()) == []


@pytest.mark.kafka
def test_asyncio_sends_all_and_its_futures_can_be_awaited(kafka: str, tmp_path: Path) -> None:
    settings = own_topics(kafka)

    async def talk(producer: AsyncFeedbackProducer, name: str) -> None:
        async with await producer.start_conversation(name) as chat:
            for number in range(100):
                await chat.add_message("user", str(number))
            future = DeliveryFuture()
            await chat.like(None, on_delivery=future)
            delivery = await future
            assert delivery.conversation_id == name

    async def run() -> None:
        async with AsyncFeedbackProducer("shop", connection=settings, spool_dir=tmp_path) as producer:
            await producer.start()
            await asyncio.gather(*(talk(producer, f"chat {number}") for number in range(CHATS)))
            assert await producer.flush(60) == 0

    asyncio.run(run())
    assert_whole_and_in_order(read_log(settings), {f"chat {number}": 103 for number in range(CHATS)})
