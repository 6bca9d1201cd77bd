"""The product's own alerts where nothing can be measured: no topics, no workers."""

import threading
import uuid

import pytest
from confluent_kafka import Consumer
from plaudit_consumers.dashboard import line_watch
from plaudit_consumers.dashboard.changes import Condition
from plaudit_consumers.dashboard.line_watch import LineWatch
from plaudit_consumers.dashboard.monitor import LineMonitor
from plaudit_schemas.alerts import definitions
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.lag import WORKER_GROUP
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import ensure

from harness.waiting import eventually


def _connection(kafka: str) -> ConnectionSettings:
    prefix = f"t{uuid.uuid4().hex[:8]}."
    return ConnectionSettings(bootstrap_servers=kafka, topic_prefix=prefix, partitions=1)


@pytest.mark.slow
@pytest.mark.kafka
def test_a_line_without_topics_or_workers_is_an_alert(kafka: str) -> None:
    connection = _connection(kafka)
    watch = LineWatch(connection, WORKER_GROUP)
    (missing,) = watch.look()
    assert missing.alert == "PlauditTopicUnsafe"
    assert connection.topic_prefix + EVENTS in missing.text
    ensure(connection)
    (alone,) = watch.look()
    assert (alone.alert, connection.topic_prefix in alone.text) == ("PlauditNoWorker", True)
    assert {missing.alert, alone.alert} <= {alert.alert for alert in definitions().alerts}
    member = Consumer(connection.kafka(**{"group.id": connection.topic_prefix + WORKER_GROUP}))
    member.subscribe([connection.topic_prefix + EVENTS])
    try:

        def is_well() -> bool:
            member.poll(0.1)
            return watch.look() == []

        eventually(is_well, "the group has a member")
    finally:
        member.close()


@pytest.mark.kafka
def test_the_monitor_shows_it_at_once(kafka: str) -> None:
    monitor = LineMonitor(_connection(kafka), profile="production", group=WORKER_GROUP)
    try:

        def alerts() -> list[str]:
            monitor.poll(0.05)
            return [active.condition.alert for active in monitor.alerts]

        eventually(lambda: alerts() == ["PlauditTopicUnsafe"], "the alert", timeout_s=14)
    finally:
        monitor.close()


def test_a_kafka_that_goes_away_leaves_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, found = threading.Event(), [Condition("PlauditNoWorker", (), "nobody")]
    looks = iter([found])

    def look(_watch: LineWatch) -> list[Condition]:
        for seen in looks:
            return seen
        asked.set()
        raise ServiceUnavailableError("away")

    monkeypatch.setattr(line_watch, "_EVERY_S", 0.01)
    monkeypatch.setattr(LineWatch, "look", look)
    watch = LineWatch(ConnectionSettings(), WORKER_GROUP)
    watch.start()
    assert asked.wait(30)
    watch.stop()
    assert watch.conditions == found


def test_a_kafka_that_is_away_from_the_start_is_an_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_watch, "_ANSWER_S", 0.2)
    watch = LineWatch(ConnectionSettings(bootstrap_servers="127.0.0.1:9"), WORKER_GROUP)
    watch.start()
    try:
        eventually(lambda: watch.conditions != [], "the alert")
        (away,) = watch.conditions
        assert away.alert == "PlauditSnapshotsStale"
        assert "127.0.0.1:9 does not answer" in away.text
        assert away.alert in {alert.alert for alert in definitions().alerts}
    finally:
        watch.stop()
