"""Health and metrics of the chat page."""

import json

from plaudit_producers.chat.page.health import CHAT_METRICS, DeliveryHealth
from plaudit_producers.sdk.outbox import Stats
from plaudit_schemas.service.health import METRICS, READY
from plaudit_schemas.service.metrics import MetricSet


class Now:
    """Counts that change, and a clock."""

    def __init__(self) -> None:
        self.stats, self.time = Stats(), 100.0


def made() -> tuple[Now, DeliveryHealth]:
    now = Now()
    return now, DeliveryHealth(lambda: now.stats, MetricSet(CHAT_METRICS), lambda: now.time)


def test_a_page_is_degraded_once_kafka_has_been_silent_for_ten_seconds() -> None:
    now, watch = made()
    now.time += 1000
    assert watch.problem() is None
    now.stats = Stats(accepted=2, waiting=2)
    assert watch.problem() is None
    now.time += 11
    assert watch.problem() == "Kafka does not acknowledge; 2 events wait"
    ready = watch.health().answer_of(READY)
    assert ready is not None
    assert (ready.status, json.loads(ready.body)["degraded"]) == (200, watch.problem())
    now.stats = Stats(accepted=2, delivered=1, waiting=1)
    assert watch.problem() is None


def test_events_are_counted_by_what_became_of_them() -> None:
    now, watch = made()
    now.stats = Stats(accepted=3, delivered=2, waiting=1, spool_bytes=77)
    for _ in range(2):  # a scrape counts nothing twice
        found = watch.health().answer_of(METRICS)
    assert found is not None
    lines = found.body.decode().splitlines()
    assert 'plaudit_chat_events_total{outcome="accepted"} 3.0' in lines
    assert 'plaudit_chat_events_total{outcome="delivered"} 2.0' in lines
    assert "plaudit_chat_events_waiting 1.0" in lines
    assert "plaudit_chat_spool_bytes 77.0" in lines
