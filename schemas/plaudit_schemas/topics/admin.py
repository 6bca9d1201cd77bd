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
from plaudit_schemas.settings.retention import RetentionSettings
from plaudit_schemas.topics import LiveTopic, Topic, definitions
from plaudit_schemas.topics.live import (
    TIMEOUT_S,
    config_values,
    error_code,
    error_reason,
    live_topics,
)
from plaudit_schemas.topics.problems import TopicProblem, find_problems
from plaudit_schemas.topics.visibility import wait_known

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
        problems: what about it loses data or breaks a promise; risks are among them.
    """

    name: str
    created: bool
    partitions: int
    differences: tuple[str, ...] = ()
    problems: tuple[TopicProblem, ...] = ()

    @property
    def is_fine(self) -> bool:
        """Whether the topic is as defined, and has no problem but risks."""
        return not self.differences and all(problem.effect == "risk" for problem in self.problems)


def ensure(
    settings: ConnectionSettings,
    retention: RetentionSettings | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> list[TopicReport]:
    """Create missing topics and compare all of them with their definitions. Idempotent.

    It returns when every broker knows what it created.

    Args:
        retention: for how long the log must keep records; None takes the defaults.
        timeout_s: the limit for each request to Kafka. The call makes a few requests.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        SettingsError: librdkafka refuses an option.
        TopicError: the broker did not create a topic, or did not describe it.
    """
    admin = admin_of(settings)
    before = live_partitions(admin, settings, timeout_s=timeout_s)
    wanted = {settings.topic_prefix + topic.name: topic for topic in definitions()}
    missing = [name for name in wanted if name not in before]
    created = {
        name
        for name in missing
        if create_topic(admin, name, wanted[name], _partitions(settings, wanted[name]), timeout_s=timeout_s)
    }
    if missing:  # those too that another process has created meanwhile
        wait_known(admin, settings, missing, timeout_s=timeout_s)
    live = live_topics(admin, list(wanted), timeout_s=timeout_s)
    lost = [name for name in wanted if name not in live]
    if lost:
        raise TopicError(f"{', '.join(lost)} went while Kafka was asked about it; run it again")
    needed_ms = (retention or RetentionSettings()).needed_retention_ms
    problems = find_problems(live, settings.topic_prefix, needed_ms)
    return [
        TopicReport(
            name,
            created=name in created,
            partitions=live[name].partitions,
            differences=tuple(_differences(live[name], topic, _partitions(settings, topic))),
            problems=tuple(problem for problem in problems if problem.topic == name),
        )
        for name, topic in wanted.items()
    ]


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
            return config_values(future.result(timeout=timeout_s))
        except (KafkaException, TimeoutError) as error:
            # The controller answers before every broker has heard of a new topic.
            if error_code(error) != KafkaError.UNKNOWN_TOPIC_OR_PART or time.monotonic() > known_by:
                raise TopicError(
                    f"Kafka did not return the settings of {name}: {error_reason(error)}"
                ) from None
        time.sleep(_PAUSE_S)


def summary(reports: Sequence[TopicReport]) -> str:
    """The reports as text for a terminal: a line for each topic, and one for whatever is wrong with it."""
    lines = []
    for report in reports:
        state = "created" if report.created else "exists" if report.is_fine else "differs"
        lines.append(f"{report.name:<40} {state:<8} {report.partitions} partitions")
        lines.extend(f"    {difference}" for difference in report.differences)
        lines.extend(
            f"    {_WORDS[problem.effect]}: {problem.what}; {problem.remedy}" for problem in report.problems
        )
    return "\n".join(lines)


_WORDS = {"risk": "warning", "loss": "LOSES DATA", "wrong": "GIVES WRONG RESULTS"}


def create_topic(
    admin: AdminClient, name: str, topic: Topic, partitions: int, *, timeout_s: float = TIMEOUT_S
) -> bool:
    """Create a topic. Returns False if it exists already. It may take a moment until all brokers know it.

    Raises:
        TopicError: Kafka did not create it.
    """
    # -1 takes the broker's default.replication.factor, since a laptop has one broker and a cluster several.
    new = NewTopic(name, num_partitions=partitions, replication_factor=-1, config=dict(topic.config))
    try:
        admin.create_topics([new], operation_timeout=timeout_s)[name].result(timeout=timeout_s)
    except (KafkaException, TimeoutError) as error:
        if error_code(error) == KafkaError.TOPIC_ALREADY_EXISTS:  # another process created it first
            return False
        raise TopicError(f"Kafka did not create {name}: {error_reason(error)}") from None
    return True


def _partitions(settings: ConnectionSettings, topic: Topic) -> int:
    return topic.partitions if topic.partitions == 1 else settings.partitions or topic.partitions


def _differences(live: LiveTopic, topic: Topic, partitions: int) -> list[str]:
    differences = []
    if live.partitions != partitions:
        differences.append(f"partitions: {live.partitions}, the definition has {partitions}")
    differences += [
        f"{key}: {live.config.get(key)}, the definition has {value}"
        for key, value in topic.config.items()
        if live.config.get(key) != value
    ]
    return differences
