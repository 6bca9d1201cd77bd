"""The clusters that tests of later parts stand on."""

import pytest
import redis
from confluent_kafka.admin import AdminClient
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.retention import RetentionSettings
from plaudit_schemas.topics.admin import ensure
from plaudit_schemas.topics.live import live_topics


@pytest.mark.slow
@pytest.mark.kafka
def test_three_brokers_share_the_topics(kafka_cluster: str) -> None:
    assert all(
        report.created for report in ensure(ConnectionSettings(bootstrap_servers=kafka_cluster, partitions=3))
    )
    metadata = AdminClient({"bootstrap.servers": kafka_cluster}).list_topics(timeout=30)
    assert len(metadata.brokers) == 3
    replicas = {
        len(part.replicas) for topic in metadata.topics.values() for part in topic.partitions.values()
    }
    assert replicas == {3}


@pytest.mark.redis
def test_three_valkeys_share_the_slots(redis_cluster: str) -> None:
    with redis.RedisCluster.from_url(redis_cluster.replace("+cluster", "", 1)) as client:
        for number in range(100):
            client.set(f"{{cluster-test:{number}}}", number)
        assert len(client.get_primaries()) == 3
        values = [client.get(f"{{cluster-test:{number}}}") for number in range(100)]
    assert values == [str(number).encode() for number in range(100)]


@pytest.mark.slow
@pytest.mark.kafka
def test_topics_on_three_brokers_have_three_replicas_of_which_two_acknowledge(kafka_cluster: str) -> None:
    settings = ConnectionSettings(bootstrap_servers=kafka_cluster, topic_prefix="safe.", partitions=3)
    reports = ensure(settings, RetentionSettings())
    assert [report.problems for report in reports] == [()] * len(reports)
    live = live_topics(AdminClient(settings.kafka()), [report.name for report in reports])
    found = {(topic.replicas, topic.config["min.insync.replicas"]) for topic in live.values()}
    assert found == {(3, "2")}
