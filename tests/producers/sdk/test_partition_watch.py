"""The SDK notices that its topic got more partitions, and sends on."""

import json

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions
from plaudit_producers import FeedbackProducer
from plaudit_producers.sdk.partition_watch import PartitionWatch
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from harness.waiting import eventually
from tests.support.event_log import PARTITIONS, own_topics


def _statistics(partitions: int, topic: str = "t") -> str:
    numbers: dict[str, object] = {str(number): {} for number in range(-1, partitions)}
    return json.dumps({"topics": {topic: {"partitions": numbers}}})


def test_a_change_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    watch = PartitionWatch("t")
    for statistics in (
        json.dumps({}),
        _statistics(0),
        _statistics(4),
        _statistics(9, "other"),
        _statistics(4),
    ):
        watch.take(statistics)
    assert (watch.changed, caplog.text) == (False, "")
    watch.take(_statistics(6))
    watch.take(_statistics(7))
    assert watch.changed
    assert len(caplog.records) == 1
    assert "4 partitions when this producer started, and has 6 now" in caplog.text


@pytest.mark.kafka
def test_a_producer_tells_of_new_partitions_and_sends_on(
    kafka: str, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"statistics.interval.ms": 100, "topic.metadata.refresh.interval.ms": 300}
    made = own_topics(kafka)
    connection = ConnectionSettings.model_validate({**dict(made), "kafka_options": options})
    topic = connection.topic_prefix + EVENTS
    with FeedbackProducer("acme", connection=connection) as producer:
        chat = producer.start_conversation()
        assert producer.flush(60) == 0
        watch = producer._partition_watch
        assert watch is not None
        eventually(lambda: watch._first == PARTITIONS, "the producer knows its topic")
        assert not producer.stats().partitions_changed
        admin = AdminClient(connection.kafka())
        admin.create_partitions([NewPartitions(topic, PARTITIONS + 2)])[topic].result(timeout=60)
        eventually(lambda: producer.stats().partitions_changed, "the producer notices")
        chat.add_message("user", "still taken")
        assert producer.flush(60) == 0
        assert producer.stats().delivered == 2
    assert caplog.text.count("plaudit topics copy") == 1
