"""Create the topics on a broker, and tell where live ones differ. Nothing that exists is changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.topics import Topic, definitions

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class TopicReport:
    """What became of one topic: created, or found, and how a found one differs from its definition."""

    name: str
    created: bool
    partitions: int
    differences: tuple[str, ...] = ()


def ensure(settings: ConnectionSettings, *, timeout_s: float = TIMEOUT_S) -> list[TopicReport]:
    """Create what is missing and compare the rest. Idempotent; blocks up to about `timeout_s`.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        TopicError: the broker refused to create a topic.
    """
    admin = AdminClient(settings.kafka(log_level=0))
    live = live_partitions(admin, settings, timeout_s=timeout_s)
    reports = []
    for topic in definitions():
        name = settings.topic_prefix + topic.name
        partitions = settings.partitions or topic.partitions
        if name not in live and _create(admin, name, topic, partitions, timeout_s):
            reports.append(TopicReport(name, created=True, partitions=partitions))
            continue
        found = live.get(name) or live_partitions(admin, settings, timeout_s=timeout_s)[name]
        differences = _differences(admin, name, topic, (partitions, found), timeout_s)
        reports.append(TopicReport(name, created=False, partitions=found, differences=tuple(differences)))
    return reports


def live_partitions(
    admin: AdminClient, settings: ConnectionSettings, *, timeout_s: float = TIMEOUT_S
) -> dict[str, int]:
    """Partitions of every topic on the broker.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
    """
    try:
        metadata = admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        raise ServiceUnavailableError(
            f"Kafka at {settings.bootstrap_servers} does not answer ({error.args[0].str()}); "
            "start it with `plaudit up`, or set PLAUDIT_BOOTSTRAP_SERVERS"
        ) from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def live_config(admin: AdminClient, name: str, *, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """A live topic's settings."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    future = admin.describe_configs([resource], request_timeout=timeout_s)[resource]
    return {key: str(entry.value) for key, entry in future.result(timeout=timeout_s).items()}


def summary(reports: Sequence[TopicReport]) -> str:
    """The reports as lines for a person."""
    lines = []
    for report in reports:
        state = "created" if report.created else "differs" if report.differences else "exists"
        lines.append(f"{report.name:<40} {state:<8} {report.partitions} partitions")
        lines.extend(f"    {difference}" for difference in report.differences)
    return "\n".join(lines)


def _create(admin: AdminClient, name: str, topic: Topic, partitions: int, timeout_s: float) -> bool:
    new = NewTopic(name, num_partitions=partitions, replication_factor=-1, config=dict(topic.config))
    try:
        admin.create_topics([new], operation_timeout=timeout_s)[name].result(timeout=timeout_s)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:  # another process was first
            return False
        raise TopicError(f"Kafka refused to create {name}: {error.args[0].str()}") from None
    return True


def _differences(
    admin: AdminClient, name: str, topic: Topic, partitions: tuple[int, int], timeout_s: float
) -> list[str]:
    wanted, found = partitions
    config = live_config(admin, name, timeout_s=timeout_s)
    differences = [] if wanted == found else [f"partitions: {found}, the definition has {wanted}"]
    differences += [
        f"{key}: {config.get(key)}, the definition has {value}"
        for key, value in topic.config.items()
        if config.get(key) != value
    ]
    return differences
