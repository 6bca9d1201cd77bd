"""The lag, as the consumer group tells."""

import time
import uuid
from collections.abc import Callable

import pytest
from plaudit_schemas.kafka.lag import LagReader
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.waiting import eventually
from tests.support.line import Line
from tests.support.votes import votes

pytestmark = [pytest.mark.kafka, pytest.mark.redis]


def test_without_topics_or_without_kafka_there_is_no_answer(kafka: str) -> None:
    nothing = ConnectionSettings(bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:1")
    for connection in (nothing, away):
        reader = LagReader(connection)
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
