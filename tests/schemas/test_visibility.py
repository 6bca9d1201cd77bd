"""New topics are known to every broker when `ensure` returns, and what it reports is so."""

import threading
import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from plaudit_schemas.errors import TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import admin, definitions, visibility
from plaudit_schemas.topics.admin import TopicReport, ensure
from plaudit_schemas.topics.visibility import unknown_topics, wait_known


def _settings(kafka: str) -> ConnectionSettings:
    return ConnectionSettings(bootstrap_servers=kafka, topic_prefix=f"t{uuid.uuid4().hex[:8]}.", partitions=3)


def _topic(*leaders: int, error: Any = None) -> Any:
    parts = {number: SimpleNamespace(error=None, leader=leader) for number, leader in enumerate(leaders)}
    return SimpleNamespace(error=error, partitions=parts)


@pytest.mark.parametrize(
    ("topic", "known"),
    [
        pytest.param(_topic(1, 2, 3), True, id="a leader for each partition"),
        pytest.param(None, False, id="not there"),
        pytest.param(_topic(), False, id="without partitions"),
        pytest.param(_topic(1, -1), False, id="a partition without a leader"),
        pytest.param(_topic(1, error="no leader"), False, id="an error"),
    ],
)
def test_a_topic_is_known_with_a_leader_for_each_partition(topic: Any, known: bool) -> None:
    metadata = SimpleNamespace(topics={} if topic is None else {"t": topic})
    assert unknown_topics(metadata, ["t"]) == ([] if known else ["t"])


class _Brokers:
    """Clients of three brokers. Each hears of the topic after it has been asked so many times."""

    def __init__(self, *asked: int) -> None:
        self.left = dict(enumerate(asked))
        self.brokers = {number: SimpleNamespace(id=number, host="b", port=number) for number in self.left}

    def client(self, number: int) -> Any:
        def list_topics(timeout: float) -> Any:
            self.left[number] -= 1
            topics = {"t": _topic(1)} if self.left[number] < 0 else {}
            return SimpleNamespace(orig_broker_id=number, brokers=self.brokers, topics=topics)

        return SimpleNamespace(list_topics=list_topics)


def test_every_broker_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    brokers = _Brokers(0, 3, 5)
    monkeypatch.setattr(visibility, "_client_of", lambda _, broker: brokers.client(broker.id))
    wait_known(brokers.client(0), ConnectionSettings(), ["t"], timeout_s=60)
    assert all(left < 0 for left in brokers.left.values())


def test_a_broker_that_never_hears_of_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    brokers = _Brokers(0, 0, 10**9)
    monkeypatch.setattr(visibility, "_client_of", lambda _, broker: brokers.client(broker.id))
    with pytest.raises(TopicError, match="broker 2 does not know t"):
        wait_known(brokers.client(0), ConnectionSettings(), ["t"], timeout_s=0.5)


@pytest.mark.kafka
def test_processes_that_create_topics_at_once_report_no_difference(kafka: str) -> None:
    """One creates them, and the others find them while the broker hears of them."""
    settings = _settings(kafka)
    found: list[TopicReport] = []
    threads = [threading.Thread(target=lambda: found.extend(ensure(settings))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(found) == 6 * len(definitions())
    assert [each for each in found if not each.is_fine] == []
    assert {each.partitions for each in found} == {1, 3}
    assert sum(each.created for each in found) == len(definitions())


@pytest.mark.kafka
def test_a_broker_that_has_not_heard_of_the_topics_is_not_believed(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process has just created them. They were reported to have no partitions."""
    settings = _settings(kafka)
    ensure(settings)
    monkeypatch.setattr(admin, "live_partitions", lambda *_, **__: {})
    again = ensure(settings)
    assert [(each.created, each.differences) for each in again] == [(False, ())] * len(definitions())
    assert {each.partitions for each in again} == {1, 3}


@pytest.mark.slow
@pytest.mark.kafka
def test_every_broker_knows_what_was_created(kafka_cluster: str) -> None:
    for _ in range(5):
        settings = _settings(kafka_cluster)
        ensure(settings)
        names = [settings.topic_prefix + topic.name for topic in definitions()]
        for address in kafka_cluster.split(","):
            metadata = AdminClient({"bootstrap.servers": address}).list_topics(timeout=30)
            assert unknown_topics(metadata, names) == [], address
        assert [report for report in ensure(settings) if not report.is_fine] == []
