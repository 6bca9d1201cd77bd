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

from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.settings.kafka_options import refused_options
from plaudit_schemas.settings.retention import RetentionSettings
from plaudit_schemas.topics import LiveTopic, Topic, definitions
from plaudit_schemas.topics.admin_client import KafkaAdmin
from plaudit_schemas.topics.live import (
    TIMEOUT_S,
    config_values,
    error_code,
    error_reason,
    live_topics,
    refuse_shut_out,
)
from plaudit_schemas.topics.problems import TopicProblem, find_problems, risk_sentences
from plaudit_schemas.topics.visibility import wait_known

_KNOWN_WITHIN_S = 5.0  # after the controller created a topic, until each broker has heard of it
_PAUSE_S = 0.1
_REPLICAS = 3
BROKERS_DEFAULT = -1
"""Takes the broker's default.replication.factor, which is what a laptop with one broker needs."""


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
    rules: RetentionSettings | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> list[TopicReport]:
    """Create missing topics and compare all of them with their definitions. Idempotent.

    It returns when every broker knows what it created.

    Args:
        rules: for how long the log must keep records, and whether one replica is enough; None takes the
            default time and any number of replicas.
        timeout_s: the limit for each request to Kafka. The call makes a few requests.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        SettingsError: librdkafka refuses an option.
        TopicError: the broker did not create a topic, or did not describe it; or topics are missing, and
            Kafka has a single broker for them.
    """
    rules = rules or RetentionSettings(allow_one_replica=True)
    admin = admin_of(settings)
    before = live_partitions(admin, settings, timeout_s=timeout_s)
    wanted = {settings.topic_prefix + topic.name: topic for topic in definitions()}
    missing = [name for name in wanted if name not in before]
    created: set[str] = set()
    if missing:
        replicas = replicas_for(admin, rules, timeout_s=timeout_s)
        new = [
            _new_topic(name, wanted[name], _partitions(settings, wanted[name]), replicas) for name in missing
        ]
        created = _create(admin, new, timeout_s)
        # Those too that another process has created meanwhile.
        wait_known(admin, settings, missing, timeout_s=timeout_s)
    live = live_topics(admin, list(wanted), timeout_s=timeout_s)
    lost = [name for name in wanted if name not in live]
    if lost:
        raise TopicError(f"{', '.join(lost)} went while Kafka was asked about it; run it again")
    problems = find_problems(
        live,
        settings.topic_prefix,
        rules.needed_retention_ms,
        allow_one_replica=rules.allow_one_replica,
    )
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
    with refused_options():
        return KafkaAdmin(settings.kafka(log_level=0))


def live_partitions(
    admin: AdminClient, settings: ConnectionSettings, *, timeout_s: float = TIMEOUT_S
) -> dict[str, int]:
    """The number of partitions of every topic on the broker, by the topic's full name.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        AccessError: Kafka does not let us in.
    """
    try:
        metadata = admin.list_topics(timeout=timeout_s)
    except KafkaException as error:
        refuse_shut_out(admin)
        raise ServiceUnavailableError(
            f"Kafka at {settings.bootstrap_servers} does not answer ({error.args[0].str()}); "
            "start it with `plaudit up`, or set PLAUDIT_BOOTSTRAP_SERVERS"
        ) from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def live_config(admin: AdminClient, name: str, *, timeout_s: float = TIMEOUT_S) -> dict[str, str]:
    """The broker's configuration of an existing topic.

    Retries for some seconds if the broker does not know the topic: it may have been created just now.

    Raises:
        TopicError: the topic does not exist, or Kafka does not allow reading its settings.
        ServiceUnavailableError: Kafka does not answer.
        AccessError: Kafka does not let us in.
    """
    resource = ConfigResource(ResourceType.TOPIC, name)
    known_by = time.monotonic() + _KNOWN_WITHIN_S
    while True:
        future = admin.describe_configs([resource], request_timeout=timeout_s)[resource]
        try:
            return config_values(future.result(timeout=timeout_s))
        except (KafkaException, TimeoutError) as error:
            code, said = error_code(error), f"Kafka did not return the settings of {name}"
            if code not in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.TOPIC_AUTHORIZATION_FAILED):
                refuse_shut_out(admin)
                raise ServiceUnavailableError(
                    f"{said} ({error_reason(error)}); check PLAUDIT_BOOTSTRAP_SERVERS"
                ) from None
            # The controller answers before every broker has heard of a new topic.
            if code == KafkaError.TOPIC_AUTHORIZATION_FAILED or time.monotonic() > known_by:
                raise TopicError(f"{said}: {error_reason(error)}") from None
        time.sleep(_PAUSE_S)


def summary(reports: Sequence[TopicReport]) -> str:
    """The reports as text for a terminal: a line for each topic, and one for whatever is wrong with it.

    Risks come last. A single broker is one to all topics, which is said once.
    """
    lines = []
    for report in reports:
        state = "created" if report.created else "exists" if report.is_fine else "differs"
        lines.append(f"{report.name:<40} {state:<8} {report.partitions} partitions")
        lines.extend(f"    {difference}" for difference in report.differences)
        lines.extend(
            f"    {_WORDS[problem.effect]}: {problem.what}; {problem.remedy}"
            for problem in report.problems
            if problem.effect in _WORDS
        )
    risks = risk_sentences(problem for report in reports for problem in report.problems)
    return "\n".join([*lines, *(f"warning: {risk}" for risk in risks)])


_WORDS = {"loss": "LOSES DATA", "wrong": "GIVES WRONG RESULTS"}


def replicas_for(admin: AdminClient, rules: RetentionSettings, *, timeout_s: float = TIMEOUT_S) -> int:
    """How many replicas a new topic gets; `BROKERS_DEFAULT` leaves it to Kafka.

    Raises:
        TopicError: Kafka has one broker, and `rules` do not allow one replica.
        ServiceUnavailableError: Kafka does not answer.
    """
    if rules.allow_one_replica:
        return BROKERS_DEFAULT
    try:
        brokers = len(admin.list_topics(timeout=timeout_s).brokers)
    except KafkaException as error:
        raise ServiceUnavailableError(f"Kafka did not list its brokers ({error.args[0].str()})") from None
    if brokers < 2:
        raise TopicError(
            "Kafka has one broker, so every conversation would be lost with it or its disk; add brokers, or "
            "set PLAUDIT_ALLOW_ONE_REPLICA=true where that is acceptable"
        )
    return min(_REPLICAS, brokers)


def create_topic(
    admin: AdminClient,
    name: str,
    topic: Topic,
    partitions: int,
    replicas: int,
    *,
    timeout_s: float = TIMEOUT_S,
) -> bool:
    """Create a topic. Returns False if it exists already. It may take a moment until all brokers know it.

    Args:
        replicas: as `replicas_for` says.

    Raises:
        TopicError: Kafka did not create it.
    """
    return bool(_create(admin, [_new_topic(name, topic, partitions, replicas)], timeout_s))


def _new_topic(name: str, topic: Topic, partitions: int, replicas: int) -> NewTopic:
    config = dict(topic.config)
    if replicas >= _REPLICAS:
        # Kafka's own default is 1: a record would be acknowledged that one broker alone has.
        config["min.insync.replicas"] = "2"
    return NewTopic(name, num_partitions=partitions, replication_factor=replicas, config=config)


def _create(admin: AdminClient, topics: Sequence[NewTopic], timeout_s: float) -> set[str]:
    """Create topics with one request. Returns the names of those that did not exist."""
    created = set()
    for name, answer in admin.create_topics(list(topics), operation_timeout=timeout_s).items():
        try:
            answer.result(timeout=timeout_s)
            created.add(name)
        except (KafkaException, TimeoutError) as error:
            if error_code(error) != KafkaError.TOPIC_ALREADY_EXISTS:  # another process created it first
                raise TopicError(f"Kafka did not create {name}: {error_reason(error)}") from None
    return created


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
