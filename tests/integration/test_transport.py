"""The transport on a real broker: compressed records, transactions, and logs with gaps."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer
from plaudit_schemas.contract.keys import PARTITIONER
from plaudit_schemas.topics import EVENTS

from harness.events import events
from tests.support.line import Line

pytestmark = [pytest.mark.kafka, pytest.mark.redis]
Make = Callable[..., Line]


def _send(one: Line, sent: list[tuple[bytes, bytes]], **options: Any) -> Producer:
    producer = Producer(
        one.connection.kafka(**{"partitioner": PARTITIONER, "enable.idempotence": True, **options})
    )
    if "transactional.id" in options:
        producer.init_transactions(60)
        producer.begin_transaction()
    for key, value in sent:
        producer.produce(one.connection.topic_prefix + EVENTS, value, key)
    assert producer.flush(60) == 0
    return producer


@pytest.mark.slow
def test_every_compression_is_read(line: Make) -> None:
    one = line()
    sent = list(events(2000, open_conversations=50, start_us=time.time_ns() // 1000))
    for number, codec in enumerate(("gzip", "snappy", "lz4", "zstd")):
        _send(one, sent[number * 500 : (number + 1) * 500], **{"compression.type": codec})
    one.start_worker()
    one.wait_folded()
    assert one.check_exact().events == 2000


@pytest.mark.slow
def test_aborted_transactions_are_not_read_and_leave_no_gap_in_positions(line: Make) -> None:
    one = line()
    sent = list(events(1500, open_conversations=50, start_us=time.time_ns() // 1000))
    lost = list(events(400, open_conversations=50, seed=3, start_us=time.time_ns() // 1000))
    one.start_worker()
    for number in range(5):
        good = _send(one, sent[number * 250 : (number + 1) * 250], **{"transactional.id": f"{id(one)}-good"})
        good.commit_transaction(60)
        bad = _send(one, lost[number * 80 : (number + 1) * 80], **{"transactional.id": f"{id(one)}-bad"})
        bad.abort_transaction(60)
    one.send(sent[1250:])  # plain records between markers
    _send(one, lost, **{"transactional.id": f"{id(one)}-bad"}).abort_transaction(60)
    # A transaction's markers may come later than the answer; the next one waits for them.
    Producer(one.connection.kafka(**{"transactional.id": f"{id(one)}-bad"})).init_transactions(60)
    one.wait_folded()  # to the end, where only aborted records and markers are
    recounted = one.check_exact()
    assert recounted.events == 1500
