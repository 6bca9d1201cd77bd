"""What a producer writes into its process's log while Kafka is away."""

import logging

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_producers._logs import Seldom, kafka_log
from plaudit_schemas.connection import ConnectionSettings

from tests.producers.sdk.librdkafka import wait_for_rounds


def line(text: str) -> logging.LogRecord:
    return logging.LogRecord("kafka", logging.ERROR, "", 0, "%s: %s", ("FAIL", text), None)


def test_the_same_line_comes_once_and_later_with_how_often_it_was_held_back() -> None:
    now = [0.0]
    seldom = Seldom(clock=lambda: now[0])
    assert seldom.filter(line("broker:1 refused (after 0ms in state CONNECT)"))
    assert not seldom.filter(line("broker:1 refused (after 1ms in state CONNECT)"))
    assert not seldom.filter(line("broker:1 refused (after 7ms in state CONNECT)"))
    assert seldom.filter(line("broker:2 refused (after 1ms in state CONNECT)"))
    now[0] = 29.9
    assert not seldom.filter(line("broker:1 refused (after 1ms in state CONNECT)"))
    now[0] = 30.0
    again = line("broker:1 refused (after 1ms in state CONNECT)")
    assert seldom.filter(again)
    assert again.getMessage() == "FAIL: broker:1 refused (after 1ms in state CONNECT) (3 more since then)"
    now[0] = 60.0
    third = line("broker:1 refused (after 1ms in state CONNECT)")
    assert seldom.filter(third)
    assert third.getMessage() == "FAIL: broker:1 refused (after 1ms in state CONNECT)"


def test_lines_that_all_differ_are_not_remembered_without_end() -> None:
    seldom = Seldom(clock=lambda: 0.0)
    assert all(seldom.filter(line(str(number))) for number in range(5000))
    assert len(seldom._told) <= 1000


def test_a_kafka_that_is_away_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    (seldom,) = kafka_log.filters
    assert isinstance(seldom, Seldom)
    seldom._told.clear()  # what other tests have told
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:1")
    with FeedbackProducer("shop", connection=away, exit_timeout_s=0) as producer:
        producer.conversation("c").like(None)
        wait_for_rounds(producer, 20)
    told = [each.getMessage() for each in caplog.records if each.name == "plaudit_producers.kafka"]
    refused = [text.partition(" (after ")[0] for text in told if "127.0.0.1:1" in text]
    assert refused
    assert len(refused) == len(set(refused))
