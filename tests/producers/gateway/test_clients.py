"""librdkafka itself gives up: the fake of `test_sending.py` raises what it raises."""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from plaudit_producers.gateway.intake.client import RENEW_EVERY_S
from plaudit_producers.gateway.intake.outcomes import Outcome, OutgoingEvent
from plaudit_producers.gateway.intake.sender import EventSender

from harness.waiting import all_wait
from tests.support.librdkafka import fail_for_good

ACKED, AWAY = Outcome.ACKED, Outcome.AWAY


def client(linger_ms: int = 0) -> Producer:
    """A client with a broker of its own, within librdkafka."""
    return Producer(
        {
            "bootstrap.servers": "mock",
            "test.mock.num.brokers": 1,
            "enable.idempotence": True,
            "linger.ms": linger_ms,
        }
    )


def test_how_librdkafka_says_that_it_gave_up() -> None:
    producer = client()
    fail_for_good(producer, KafkaError._FENCED)
    with pytest.raises(KafkaException) as refused:
        producer.produce("events", b"a")
    assert (refused.value.args[0].code(), refused.value.args[0].fatal()) == (KafkaError._FATAL, False)
    with pytest.raises(KafkaException) as told:
        producer.poll(5)
    assert (told.value.args[0].code(), told.value.args[0].fatal()) == (KafkaError._FENCED, True)
    assert producer.poll(0) == 0


def with_sender(use: Callable[[EventSender, list[Any]], Awaitable[None]], linger_ms: int = 0) -> None:
    made: list[Any] = []

    def connect() -> Any:
        made.append(client(linger_ms))
        return made[-1]

    async def run() -> None:
        later_s = 0.0
        sender = EventSender("events", connect, ack_timeout_s=60, clock=lambda: monotonic() + later_s)
        later_s = RENEW_EVERY_S  # the first client is no longer young
        await use(sender, made)
        sender.stop()

    asyncio.run(run())


def events(*names: str) -> list[OutgoingEvent]:
    return [OutgoingEvent((b"shop/c1", name), name.encode()) for name in names]


def test_a_client_that_gave_up_while_idle_is_replaced() -> None:
    async def use(sender: EventSender, made: list[Any]) -> None:
        assert await sender.send_events(events("a")) == [ACKED]
        fail_for_good(made[0])
        assert await sender.send_events(events("b")) == [AWAY]
        assert sender.failing
        assert await sender.send_events(events("b")) == [ACKED]
        assert (len(made), sender.failing) == (2, False)

    with_sender(use)


def test_what_waits_when_a_client_gives_up_may_be_sent_again() -> None:
    async def use(sender: EventSender, made: list[Any]) -> None:
        waiting = asyncio.create_task(sender.send_events(events("a", "b")))
        await all_wait(waiting)
        fail_for_good(made[0])
        assert await waiting == [AWAY, AWAY]
        assert await sender.send_events(events("a", "b")) == [ACKED, ACKED]
        assert len(made) == 2

    with_sender(use, linger_ms=2000)
