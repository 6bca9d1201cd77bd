"""Create missing topics and report how existing ones differ. An existing topic is never changed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from plaudit_schemas.errors import ServiceUnavailableError, SettingsError, TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import Topic, definitions

TIMEOUT_S = 30.0
_KNOWN_WITHIN_S = 5.0  # after the controller created a topic, until each broker has heard of it
_PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class TopicReport:
    """The result for one topic.

    Attributes:
        name: with the topic prefix.
        created: False if the topic existed already.
        partitions: how many it has now.
        differences: one sentence for each difference of an existing topic from its definition.
    """

    name: str
    created: bool
    partitions: int
    differences: tuple[str, ...] = ()


def ensure(settings: ConnectionSettings, *, timeout_s: float = TIMEOUT_S) -> list[TopicReport]:
    """Create missing topics and compare existing ones with their definitions. Idempotent.

    Args:
        timeout_s: the limit for each request to Kafka. The call makes a few requests for each topic.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        SettingsError: librdkafka refuses an option.
        TopicError: the broker did not create a topic, or did not describe it.
    """
    admin = admin_of(settings)
    live = live_partitions(admin, settings, timeout_s=timeout_s)
    reports = []
    for topic in definitions():
        name = settings.topic_prefix + topic.name
        partitions = settings.partitions or topic.partitions
        if name not in live and _create(admin, name, topic, partitions, timeout_s):
            reports.append(TopicReport(name, created=True, partitions=partitions))
            continue
        # It may be missing in `live` and still exist by now: another process has just created it.
        found = live.get(name) or live_partitions(admin, settings, timeout_s=timeout_s).get(name, 0)
        differences = _differences(admin, name, topic, (partitions, found), timeout_s)
        reports.append(TopicReport(name, created=False, partitions=found, differences=tuple(differences)))
    return reports


def admin_of(settings: ConnectionSettings) -> AdminClient:
    """A client of Kafka's admin API.

    Raises:
        SettingsError: librdkafka refuses an option.
    """
    try:
        return AdminClient(settings.kafka(log_level=0))
    except KafkaException as error:
        raise SettingsError(f"PLAUDIT_KAFKA_OPTIONS: {error.args[0].str()}; see `plaudit config`") from None


def live_partitions(
    admin: AdminClient, settings: ConnectionSettings, *, timeout_s: float = TIMEOUT_S
) -> dict[str, int]:
    """The number of partitions of every topic on the broker, by the topic's full name.

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
    """The broker's configuration of an existing topic.

    Retries for some seconds if the broker does not know the topic: it may have been created just now.

    Raises:
        TopicError: the topic does not exist, or the broker did not answer.
    """
    resource = ConfigResource(ResourceType.TOPIC, name)
    known_by = time.monotonic() + _KNOWN_WITHIN_S
    while True:
        future = admin.describe_configs([resource], request_timeout=timeout_s)[resource]
        try:
            return {key: str(entry.value) for key, entry in future.result(timeout=timeout_s).items()}
        except (KafkaException, TimeoutError) as error:
            # The controller answers before every broker has heard of a new topic.
            if _code(error) != KafkaError.UNKNOWN_TOPIC_OR_PART or time.monotonic() > known_by:
                raise TopicError(f"Kafka did not return the settings of {name}: {_reason(error)}") from None
        time.sleep(_PAUSE_S)


def summary(reports: Sequence[TopicReport]) -> str:
    """The reports as text for a terminal: a line for each topic, and one for each difference."""
    lines = []
    for report in reports:
        state = "created" if report.created else "differs" if report.differences else "exists"
        lines.append(f"{report.name:<40} {state:<8} {report.partitions} partitions")
        lines.extend(f"    {difference}" for difference in report.differences)
    return "\n".join(lines)


def _create(admin: AdminClient, name: str, topic: Topic, partitions: int, timeout_s: float) -> bool:
    # -1 takes the broker's default.replication.factor, since a laptop has one broker and a cluster several.
    new = NewTopic(name, num_partitions=partitions, replication_factor=-1, config=dict(topic.config))
    try:
        admin.create_topics([new], operation_timeout=timeout_s)[name].result(timeout=timeout_s)
    except (KafkaException, TimeoutError) as error:
        if _code(error) == KafkaError.TOPIC_ALREADY_EXISTS:  # another process created it first
            return False
        raise TopicError(f"Kafka did not create {name}: {_reason(error)}") from None
    return True


def _code(error: KafkaException | TimeoutError) -> int | None:
    return error.args[0].code() if isinstance(error, KafkaException) else None


def _reason(error: KafkaException | TimeoutError) -> str:
    return str(error.args[0].str()) if isinstance(error, KafkaException) else "no answer in time"


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
