"""Readers without a group: none stays idle for good after its topic was made anew."""

from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from plaudit_consumers.dashboard.following import TopicFollower
from plaudit_schemas.topics import METRICS

from harness.waiting import eventually
from tests.support.line import Line
from tests.support.topics import make_anew

pytestmark = [pytest.mark.kafka]


@pytest.mark.parametrize("past_s", [0.0, 60.0], ids=["from the end", "from a minute ago"])
def test_a_follower_goes_on_with_a_topic_that_was_made_anew(line: Callable[..., Line], past_s: float) -> None:
    one = line(partitions=2)
    follower = TopicFollower(one.connection, METRICS, past_s)
    name = one.connection.topic_prefix + METRICS

    def hears(value: bytes) -> bool:
        producer = Producer(one.connection.kafka())
        producer.produce(name, value, b"k", partition=1)
        producer.flush(30)
        return any(record.value == value for record in follower.poll(100, 0.2))

    eventually(lambda: hears(b"before"), "it follows")
    make_anew(one.connection, METRICS)
    eventually(lambda: hears(b"after"), "it follows the new topic")
    follower.close()
