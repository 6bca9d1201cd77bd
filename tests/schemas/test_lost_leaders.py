"""A real partition whose only broker ends and comes back: who asked meanwhile gets an answer then."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # public, not declared as such
from confluent_kafka.cimpl import NewTopic
from plaudit_infra.servers.kafka import KafkaCluster
from plaudit_schemas.errors import ServiceUnavailableError
from plaudit_schemas.kafka.asking import listed_offsets
from plaudit_schemas.kafka.reader import TopicReader, log_bounds
from plaudit_schemas.settings.connection import ConnectionSettings

from harness.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(600)]

TOPIC = "of-one-broker"


@pytest.fixture
def cluster(kafka_files: None, tmp_path: Path) -> Iterator[KafkaCluster]:
    made = KafkaCluster(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def _leader(admin: AdminClient) -> int | None:
    """The broker's number, -1 for none; None while the partition is not known."""
    found = admin.list_topics(TOPIC, timeout=60).topics[TOPIC].partitions.get(0)
    return None if found is None else found.leader


def _has_leader(admin: AdminClient) -> bool:
    return (_leader(admin) or -1) > 0


def test_a_leader_that_comes_back_is_found_by_who_asked_before(cluster: KafkaCluster) -> None:
    admin = AdminClient({"bootstrap.servers": cluster.address})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(60)
    eventually(lambda: _has_leader(admin), "the partition has a leader")
    leader = _leader(admin)
    assert leader is not None
    broker = cluster.nodes[leader - 1]
    broker.kill()
    eventually(lambda: _leader(admin) == -1, "the partition has no leader")

    asking = Consumer({"bootstrap.servers": cluster.address, "group.id": "asks"})
    with pytest.raises(ServiceUnavailableError, match="did not return the offsets"):
        log_bounds(asking, TOPIC, 0, 0.5)
    asking_admin = AdminClient({"bootstrap.servers": cluster.address})
    newest = {0: OffsetSpec.latest()}  # type: ignore[no-untyped-call]  # not annotated
    with pytest.raises(KafkaException):
        listed_offsets(asking_admin, TOPIC, newest, 0.5)
    with (
        TopicReader(ConnectionSettings(bootstrap_servers=cluster.address), TOPIC, timeout_s=240) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        place = pool.submit(reader.first_since, 0, 1)
        broker.start()
        eventually(lambda: _has_leader(admin), "the partition has its leader again")
        assert log_bounds(asking, TOPIC, 0, 240) == (0, 0)
        assert place.result(300) == 0
        assert listed_offsets(asking_admin, TOPIC, newest, 240) == {0: (0, -1)}
    asking.close()
