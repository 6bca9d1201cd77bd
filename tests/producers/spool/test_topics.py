"""Producers of several topics share a spool folder."""

from pathlib import Path

import pytest
from plaudit_producers import FeedbackProducer

from tests.support.event_log import own_topics, read_log

NOWHERE = "127.0.0.1:1"


@pytest.mark.kafka
def test_what_an_ended_producer_left_goes_to_its_own_topic(kafka: str, tmp_path: Path) -> None:
    staging, production = own_topics(kafka), own_topics(kafka)
    away = staging.model_copy(update={"bootstrap_servers": NOWHERE})
    with FeedbackProducer("shop", connection=away, spool_dir=tmp_path, exit_timeout_s=0) as producer:
        producer.conversation("c1").like(None)
    with FeedbackProducer("shop", connection=production, spool_dir=tmp_path) as producer:
        producer.conversation("c2").like(None)
        assert producer.flush(120) == 0
        assert producer.stats().taken_over == 0
    assert [each.event.conversation_id for each in read_log(production)] == ["c2"]
    with FeedbackProducer("shop", connection=staging, spool_dir=tmp_path) as producer:
        producer.conversation("c3").like(None)
        assert producer.flush(120) == 0
        assert producer.stats().taken_over == 1
    assert sorted(each.event.conversation_id for each in read_log(staging)) == ["c1", "c3"]
    assert list(tmp_path.iterdir()) == []
