"""Kafka is away: what each policy does, and that nothing waits that should not."""

import asyncio
import contextlib
import gc
import threading
import time
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from plaudit_producers import (
    AsyncFeedbackProducer,
    BufferFullError,
    Delivery,
    DeliveryError,
    DeliveryFuture,
    DroppedError,
    FeedbackProducer,
    SpooledError,
    SpoolError,
)
from plaudit_producers.testing import InMemoryProducer
from plaudit_schemas.errors import SettingsError
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.waiting import all_wait

NOWHERE = ConnectionSettings(bootstrap_servers="127.0.0.1:1")


def away(**options: Any) -> FeedbackProducer:
    return FeedbackProducer("shop", connection=NOWHERE, exit_timeout_s=0, **options)


def test_dropping_counts_and_tells_and_leaves_a_gap() -> None:
    heard: list[Delivery] = []
    producer = away(when_full="drop", max_buffer_events=3, on_delivery=heard.append)
    chat = producer.conversation("c")
    for _ in range(5):
        chat.like(None)
    assert producer.stats().dropped == 2
    assert [type(delivery.error) for delivery in heard] == [DroppedError, DroppedError]
    assert producer._pipeline._counts == {b"shop/c": 5}
    assert producer.close() == 3
    assert [type(delivery.error) for delivery in heard[2:]] == [DeliveryError] * 3
    stats = producer.stats()
    assert (stats.accepted, stats.delivered, stats.failed, stats.waiting) == (3, 0, 3, 0)


def test_raising_uses_no_number() -> None:
    with away(when_full="raise", max_buffer_events=1) as producer:
        chat = producer.conversation("c")
        chat.like(None)
        with pytest.raises(BufferFullError):
            chat.like(None)
        assert producer._pipeline._counts == {b"shop/c": 1}


def test_blocking_ends_with_its_timeout() -> None:
    with away(when_full="block", block_timeout_s=0.3, max_buffer_events=1) as producer:
        chat = producer.conversation("c")
        chat.like(None)
        started = time.monotonic()
        with pytest.raises(BufferFullError):
            chat.like(None)
        assert time.monotonic() - started >= 0.3


def test_blocking_goes_on_when_there_is_room() -> None:
    producer = InMemoryProducer(when_full="block", block_timeout_s=None, max_buffer_events=1)
    producer.go_offline()
    chat = producer.conversation("c")
    chat.add_message("user", "0")
    sender = threading.Thread(target=lambda: [chat.add_message("user", str(n)) for n in range(1, 4)])
    sender.start()
    assert sender.is_alive()
    producer.go_online()
    sender.join(120)
    assert not sender.is_alive()
    assert [event.sequence for event in producer.events] == [0, 1, 2, 3]


def test_asyncio_blocks_its_task_and_not_the_loop() -> None:
    async def run() -> None:
        async with full(block_timeout_s=None) as producer:
            blocked = asyncio.ensure_future(producer.conversation("c").like(None))
            await all_wait(blocked)
            blocked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await blocked

    asyncio.run(run())


def test_blocking_under_asyncio_ends_with_its_timeout() -> None:
    async def run() -> None:
        async with full(block_timeout_s=0.3) as producer:
            with pytest.raises(BufferFullError):
                await producer.conversation("c").like(None)

    asyncio.run(run())


@contextlib.asynccontextmanager
async def full(block_timeout_s: float | None) -> AsyncIterator[AsyncFeedbackProducer]:
    """A producer without Kafka whose one place is taken."""
    async with AsyncFeedbackProducer(
        "shop",
        connection=NOWHERE,
        when_full="block",
        block_timeout_s=block_timeout_s,
        max_buffer_events=1,
        exit_timeout_s=0,
    ) as producer:
        await producer.conversation("c").like(None)
        yield producer


def test_without_a_spool_an_event_fails_after_its_time() -> None:
    with away(delivery_timeout_s=0.5) as producer:
        future = DeliveryFuture()
        producer.conversation("c").like(None, on_delivery=future)
        with pytest.raises(DeliveryError):
            future.result(60)
        assert producer.stats().failed == 1


def test_a_producer_is_kept_from_its_first_event_until_it_is_closed() -> None:
    idle, busy = weakref.ref(away()), away()
    busy.conversation("c").like(None)
    kept = weakref.ref(busy)
    del busy
    gc.collect()
    assert idle() is None
    again = kept()
    assert again is not None
    assert again.close() == 1
    del again
    gc.collect()
    assert kept() is None


def test_a_full_spool_follows_the_policy_too(tmp_path: Path) -> None:
    with away(when_full="raise", spool_dir=tmp_path, spool_max_bytes=4 << 20) as producer:
        chat = producer.conversation("c")
        sent = 0

        def fill() -> None:
            nonlocal sent
            while True:
                chat.add_message("user", "x" * 100_000)
                sent += 1

        with pytest.raises(BufferFullError):
            fill()
        assert 35 < sent < 43
        assert producer.stats().waiting == sent
        assert producer.stats().spool_bytes <= 4 << 20


def test_closing_leaves_events_in_the_spool_and_says_so(tmp_path: Path) -> None:
    future = DeliveryFuture()
    producer = away(spool_dir=tmp_path)
    producer.conversation("c").like(None, on_delivery=future)
    producer.conversation("c").like(None)
    assert producer.close() == 2
    with pytest.raises(SpooledError):
        future.result(0)
    assert producer.stats().failed == 0
    assert list(tmp_path.glob("*/*.log"))


def test_a_spool_without_events_leaves_no_file(tmp_path: Path) -> None:
    producer = away(spool_dir=tmp_path / "new")
    assert not (tmp_path / "new").exists()
    producer.start()
    assert producer.close() == 0
    assert list((tmp_path / "new").iterdir()) == []


def test_a_spool_that_cannot_be_made_is_told_at_the_first_event(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with away(spool_dir=tmp_path / "file") as producer, pytest.raises(SpoolError, match="spool folder"):
        producer.conversation("c").end()


def test_an_event_kafka_never_takes_does_not_delay_the_caller() -> None:
    with away() as producer:
        for _ in range(1000):  # a call that waited for Kafka would not return
            producer.conversation("c").like(None)
        assert producer.flush(0) == 1000


@pytest.mark.parametrize(
    "options",
    [{"when_full": "explode"}, {"max_buffer_events": 0}, {"linger": 5}, {"spool_max_bytes": 10}],
    ids=["unknown policy", "no buffer", "unknown option", "spool too small"],
)
def test_a_wrong_option_is_told_at_once(options: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(options))):
        away(**options)


def test_a_promised_setting_cannot_be_undone() -> None:
    settings = ConnectionSettings(kafka_options={"acks": "1"})
    with pytest.raises(SettingsError, match="acks"):
        FeedbackProducer("shop", connection=settings).start()
    with pytest.raises(SettingsError, match="PLAUDIT_KAFKA_OPTIONS: No such"):
        FeedbackProducer("shop", connection=ConnectionSettings(kafka_options={"no.such": "1"})).start()
