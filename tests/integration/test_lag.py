"""The lag, as the consumer group tells."""

import signal
import time
import uuid
from collections.abc import Callable

import pytest
from plaudit_schemas.kafka import lag
from plaudit_schemas.kafka.lag import LagReader
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from harness.waiting import eventually
from tests.support.line import Line
from tests.support.topics import delete_before
from tests.support.votes import votes

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


def test_without_topics_there_is_no_answer(kafka: str) -> None:
    nothing = ConnectionSettings(bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
    reader = LagReader(nothing)
    assert reader.read() is None
    reader.close()


def test_without_kafka_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "_ANSWER_S", 0.2)
    reader = LagReader(ConnectionSettings(bootstrap_servers="127.0.0.1:1"))
    assert reader.read() is None
    reader.close()


def test_events_wait_until_a_worker_folds_them(line: Callable[..., Line]) -> None:
    one = line()
    reader = LagReader(one.connection)
    now = time.time_ns() // 1000
    sent = one.send(votes(50, likes=0.5, first_us=now, last_us=now))
    eventually(lambda: reader.read() == (sent, sent), "all of them wait")
    one.start_worker()
    eventually(lambda: reader.read() == (sent, 0), "none waits")
    reader.close()


@pytest.mark.slow
def test_a_new_group_of_workers_has_no_lag_where_the_state_goes_on(line: Callable[..., Line]) -> None:
    one = line()
    now = time.time_ns() // 1000
    sent = one.send(votes(50, likes=0.5, first_us=now, last_us=now))
    first = one.start_worker()
    one.wait_folded()
    one.end_worker(first, signal.SIGTERM)
    one.start_worker(worker_group="another")
    reader = LagReader(one.connection, "another")
    eventually(lambda: reader.read() == (sent, 0), "nothing waits, though nothing new came")
    reader.close()


def test_what_kafka_has_deleted_waits_for_nobody(line: Callable[..., Line]) -> None:
    one = line(partitions=1)
    now = time.time_ns() // 1000
    sent = one.send(votes(50, likes=0.5, first_us=now, last_us=now))
    delete_before(one.connection, EVENTS, 0, sent - 10)
    reader = LagReader(one.connection, "another")
    eventually(lambda: reader.read() == (sent, 10), "the rest waits")
    reader.close()
