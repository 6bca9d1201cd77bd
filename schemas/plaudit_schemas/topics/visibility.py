"""Wait until every broker of the cluster knows new topics.

The controller answers before the brokers have heard of a topic, and a client asks any of them. Whoever asks a
broker too early is told that the topic does not exist, or that it has no partitions.
"""

import time
from collections.abc import Collection
from typing import Any, Final

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from plaudit_schemas.errors import TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options

_PAUSE_S: Final = 0.05
_ANSWER_S: Final = 5.0


def wait_known(
    admin: AdminClient, connection: ConnectionSettings, names: Collection[str], *, timeout_s: float
) -> None:
    """Wait until every broker that is up knows these topics, and a leader for each of their partitions.

    Raises:
        TopicError: some broker does not know a topic in time.
    """
    deadline = time.monotonic() + timeout_s
    known: set[int] = set()
    clients: dict[int, Any] = {}  # a client of each broker that has not been asked, or does not know
    problem = "Kafka did not answer"
    while time.monotonic() < deadline:
        for metadata in map(_metadata, (admin, *clients.values())):
            if metadata is None:
                continue
            answering = metadata.orig_broker_id
            missing = unknown_topics(metadata, names)
            if missing:
                problem = f"broker {answering} does not know {', '.join(missing)}"
            else:
                known.add(answering)
            if metadata.brokers.keys() <= known:
                return
            clients = {
                broker.id: clients.get(broker.id) or _client_of(connection, broker)
                for broker in metadata.brokers.values()
                if broker.id not in known
            }
        time.sleep(_PAUSE_S)
    raise TopicError(f"{problem} after {timeout_s:.0f} s; run `plaudit topics create` again")


def unknown_topics(metadata: Any, names: Collection[str]) -> list[str]:
    """Those of the topics that a broker's metadata lacks, or has without a leader for every partition."""
    return [name for name in names if not _is_whole(metadata.topics.get(name))]


def _is_whole(topic: Any) -> bool:
    return (
        topic is not None
        and topic.error is None
        and bool(topic.partitions)
        and all(part.error is None and part.leader >= 0 for part in topic.partitions.values())
    )


def _client_of(connection: ConnectionSettings, broker: Any) -> AdminClient:
    # A new client sends its first requests to the broker that it was given; later ones go to any.
    address = f"{broker.host}:{broker.port}"
    with refused_options():
        return AdminClient(connection.kafka(**{"bootstrap.servers": address, "log_level": 0}))


def _metadata(client: AdminClient) -> Any:
    try:
        return client.list_topics(timeout=_ANSWER_S)
    except KafkaException:
        return None
