"""What the real librdkafka raises at once: a topic it may not write or does not find, and errors for good."""

from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from plaudit_producers import Delivery, DeliveryError, DeliveryFuture, FeedbackProducer
from plaudit_schemas.errors import InvalidEventError

from harness.waiting import eventually
from tests.support.librdkafka import client_of, fail_for_good, mocked, refuse_topic, wait_for_rounds

UNKNOWN, FORBIDDEN = KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED


def connected(**options: Any) -> FeedbackProducer:
    """A producer that has sent its first event, `first`."""
    producer = FeedbackProducer("shop", connection=mocked(), exit_timeout_s=60, **options)
    producer.conversation("c").like(None, event_id="first")
    assert producer.flush(60) == 0
    return producer


def refuse(producer: FeedbackProducer, code: int) -> None:
    """From here on `produce` raises at once."""
    client = client_of(producer)
    refuse_topic(client, code)

    def raises() -> bool:
        try:
            client.produce("plaudit.conversation-events", b"", b"")
        except KafkaException as error:
            return not error.args[0].fatal()
        return False

    eventually(raises, "librdkafka to see the topic's error")


@pytest.mark.parametrize("code", [UNKNOWN, FORBIDDEN], ids=["unknown", "forbidden"])
def test_a_topic_that_refuses_costs_the_spool_no_event(tmp_path: Path, code: int) -> None:
    heard: list[Delivery] = []
    with connected(spool_dir=tmp_path, on_delivery=heard.append) as producer:
        refuse(producer, code)
        for number in range(600):  # more than are handed over at a time
            producer.conversation("c").like(None, event_id=str(number))
        wait_for_rounds(producer, 4)
        stats = producer.stats()
        assert (stats.waiting, stats.failed, stats.delivered) == (600, 0, 1)
        refuse_topic(client_of(producer), 0)
        assert producer.flush(60) == 0
    assert [each.error for each in heard] == [None] * 601
    # By offset: during `flush` two threads report, so the reports may come in another order than the events.
    kept = sorted(heard[1:], key=lambda each: each.offset or 0)
    assert [each.event_id for each in kept] == [str(number) for number in range(600)]


@pytest.mark.parametrize("code", [UNKNOWN, FORBIDDEN], ids=["unknown", "forbidden"])
def test_without_a_spool_such_an_event_has_failed_and_the_chat_goes_on(code: int) -> None:
    with connected() as producer:
        refuse(producer, code)
        future = DeliveryFuture()
        producer.conversation("c").like(None, on_delivery=future)
        with pytest.raises(DeliveryError, match="did not take"):
            future.result(60)
        stats = producer.stats()
        assert (stats.accepted, stats.failed, stats.waiting) == (2, 1, 0)


@pytest.mark.parametrize("spool", [False, True], ids=["memory", "spool"])
def test_a_callback_that_sends_does_not_find_its_thread_within_a_call(tmp_path: Path, spool: bool) -> None:
    options: dict[str, Any] = {"spool_dir": tmp_path} if spool else {}
    small = mocked(**{"message.max.bytes": 2000})
    with FeedbackProducer("shop", connection=small, exit_timeout_s=60, **options) as producer:
        chat, told = producer.conversation("c"), DeliveryFuture()

        def answer(_: Delivery) -> None:
            chat.end(on_delivery=told)

        if spool:
            chat.add_message("user", "x" * 3000, on_delivery=answer)
        else:
            producer.start()
            refuse(producer, FORBIDDEN)
            chat.like(None, on_delivery=answer)
        assert told.exception(60) is None or not spool
        assert producer._pipeline._counts == {b"shop/c": 2}  # each event had a number of its own


@pytest.mark.parametrize("spool", [False, True], ids=["memory", "spool"])
def test_an_event_that_is_itself_refused_is_not_kept(tmp_path: Path, spool: bool) -> None:
    options: dict[str, Any] = {"spool_dir": tmp_path} if spool else {}
    small = mocked(**{"message.max.bytes": 2000})
    with FeedbackProducer("shop", connection=small, exit_timeout_s=60, strict=True, **options) as producer:
        chat, future = producer.conversation("c"), DeliveryFuture()
        if spool:
            chat.add_message("user", "x" * 3000, on_delivery=future)
            with pytest.raises(DeliveryError, match="for good"):
                future.result(60)
        else:
            with pytest.raises(InvalidEventError, match="refuses"):
                chat.add_message("user", "x" * 3000)
        chat.like(None)
        assert producer.flush(60) == 0
        assert (producer.stats().delivered, producer.stats().failed) == (1, int(spool))


def test_after_an_error_for_good_the_spool_sends_all_of_it_with_a_new_client(tmp_path: Path) -> None:
    heard: list[Delivery] = []
    # What the long linger keeps back is in the client when that fails.
    with connected(spool_dir=tmp_path, on_delivery=heard.append, linger_ms=5000) as producer:
        chat, client = producer.conversation("c"), client_of(producer)
        for number in range(5):
            chat.like(None, event_id=str(number))
        fail_for_good(client)
        for number in range(5, 10):
            chat.like(None, event_id=str(number))
        assert producer.flush(60) == 0
        assert client_of(producer) is not client
        assert (producer.stats().delivered, producer.stats().failed) == (11, 0)
    in_kafka = sorted(heard, key=lambda each: each.offset or 0)
    assert [each.event_id for each in in_kafka] == ["first", *map(str, range(10))]


def test_an_error_for_good_is_met_without_an_event(tmp_path: Path) -> None:
    with connected(spool_dir=tmp_path) as producer:
        client = client_of(producer)
        fail_for_good(client)
        eventually(lambda: client_of(producer) is not client, "a new client")


def test_without_a_spool_what_waited_has_failed_and_a_new_client_goes_on() -> None:
    with connected(linger_ms=5000) as producer:
        chat, client = producer.conversation("c"), client_of(producer)
        lost = [DeliveryFuture() for _ in range(5)]
        for future in lost:
            chat.like(None, on_delivery=future)
        fail_for_good(client)
        kept = DeliveryFuture()
        chat.like(None, on_delivery=kept)
        assert producer.flush(60) == 0
        assert kept.result(60).error is None
        assert all(isinstance(future.exception(60), DeliveryError) for future in lost)
        assert (producer.stats().delivered, producer.stats().failed) == (2, 5)
        assert client_of(producer) is not client
