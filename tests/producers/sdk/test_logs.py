"""What a producer writes into its process's log while Kafka is away."""

import pytest
from plaudit_producers import FeedbackProducer
from plaudit_schemas.kafka.quiet_log import RepetitionFilter, quiet_log
from plaudit_schemas.settings.connection import ConnectionSettings

from tests.support.librdkafka import wait_for_rounds


def test_a_kafka_that_is_away_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    (quiet,) = quiet_log("plaudit_producers.kafka").filters
    assert isinstance(quiet, RepetitionFilter)
    quiet._told.clear()  # what other tests have told
    away = ConnectionSettings(bootstrap_servers="127.0.0.1:1")
    with FeedbackProducer("shop", connection=away, exit_timeout_s=0) as producer:
        producer.conversation("c").like(None)
        wait_for_rounds(producer, 20)
    told = [each.getMessage() for each in caplog.records if each.name == "plaudit_producers.kafka"]
    refused = [text.partition(" (after ")[0] for text in told if "127.0.0.1:1" in text]
    assert refused
    assert len(refused) == len(set(refused))
