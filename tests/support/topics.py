"""Changes a live topic, as an operator would."""

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import admin_of, ensure, live_partitions

from harness.waiting import eventually


def alter_topic(connection: ConnectionSettings, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(
        ResourceType.TOPIC, connection.topic_prefix + topic, incremental_configs=[entry]
    )
    admin = admin_of(connection)
    admin.incremental_alter_configs([resource])[resource].result(30)


def add_partitions(connection: ConnectionSettings, topic: str, count: int) -> None:
    """Give a topic so many partitions."""
    name, admin = connection.topic_prefix + topic, admin_of(connection)  # its futures end with the client
    admin.create_partitions([NewPartitions(name, count)])[name].result(30)


def make_anew(connection: ConnectionSettings, topic: str) -> None:
    """Delete a topic and create it again, as it is defined."""
    name, admin = connection.topic_prefix + topic, admin_of(connection)
    admin.delete_topics([name])[name].result(30)
    eventually(lambda: name not in live_partitions(admin, connection), "the topic is gone")

    def is_back() -> bool:
        try:
            return all(report.partitions for report in ensure(connection))
        except KafkaException:
            return False

    eventually(is_back, "the topic is there again")


def delete_before(connection: ConnectionSettings, topic: str, partition: int, offset: int) -> None:
    """Delete the head of a partition, as retention does."""
    place = TopicPartition(connection.topic_prefix + topic, partition, offset)
    admin = admin_of(connection)
    for deleted in admin.delete_records([place]).values():
        deleted.result(30)
