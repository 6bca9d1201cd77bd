"""Topics as Kafka describes them now: their id, partitions, replicas and settings."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AdminClient,
    ConfigResource,
    ResourceType,
)

from plaudit_schemas.errors import ServiceUnavailableError, TopicError
from plaudit_schemas.topics import LiveTopic
from plaudit_schemas.topics.admin_client import KafkaAdmin

TIMEOUT_S: Final = 30.0
NO_ID: Final = "A" * 22
"""How the id of a topic is printed that has none."""


def live_topics(
    admin: AdminClient, names: Collection[str], *, timeout_s: float = TIMEOUT_S
) -> dict[str, LiveTopic]:
    """The topics of these names that exist, by name. Blocks for up to two requests.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        AccessError: Kafka does not let us in.
        TopicError: Kafka does not allow reading a topic.
    """
    described = described_topics(admin, names, timeout_s=timeout_s)
    configs = _configs(admin, described, timeout_s)
    return {
        name: topic._replace(config=configs[name]) for name, topic in described.items() if name in configs
    }


def described_topics(
    admin: AdminClient, names: Collection[str], *, timeout_s: float = TIMEOUT_S
) -> dict[str, LiveTopic]:
    """As `live_topics`, but without their settings, which not every client may read. One request."""
    futures = admin.describe_topics(TopicCollection(list(names)), request_timeout=timeout_s)
    return {
        name: LiveTopic(
            name,
            _topic_id(found),
            len(found.partitions),
            min((len(partition.replicas) for partition in found.partitions), default=0),
            {},
        )
        for name, found in _existing(admin, futures, timeout_s).items()
    }


def _topic_id(description: Any) -> str:
    """The id of a described topic, as Kafka's own tools print it but URL-safe; empty if it has none."""
    text = str(description.topic_id).rstrip("=").replace("/", "_").replace("+", "-")
    return "" if text == NO_ID else text


def refuse_shut_out(admin: AdminClient) -> None:
    """`KafkaAdmin.refuse_shut_out`, of any admin client."""
    if isinstance(admin, KafkaAdmin):
        admin.refuse_shut_out()


def error_code(error: KafkaException | TimeoutError) -> int | None:
    """Kafka's code of an error of the admin API; None if there was no answer."""
    return error.args[0].code() if isinstance(error, KafkaException) else None


def error_reason(error: KafkaException | TimeoutError) -> str:
    """An error of the admin API in words."""
    return str(error.args[0].str()) if isinstance(error, KafkaException) else "no answer in time"


def _configs(admin: AdminClient, names: Collection[str], timeout_s: float) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = {ConfigResource(ResourceType.TOPIC, name): name for name in names}
    futures = admin.describe_configs(list(resources), request_timeout=timeout_s)
    named = {resources[resource]: future for resource, future in futures.items()}
    found = _existing(admin, named, timeout_s)
    return {name: config_values(entries) for name, entries in found.items()}


def _existing(admin: AdminClient, futures: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """The results of those futures whose topic exists."""
    found = {}
    for name, future in futures.items():
        try:
            found[name] = future.result(timeout=timeout_s)
        except (KafkaException, TimeoutError) as error:
            code = error_code(error)
            if code == KafkaError.UNKNOWN_TOPIC_OR_PART:
                continue
            if code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                raise TopicError(
                    f"Kafka does not allow describing {name}; allow Describe and DescribeConfigs on it"
                ) from None
            refuse_shut_out(admin)
            raise ServiceUnavailableError(
                f"Kafka did not describe {name} ({error_reason(error)}); check PLAUDIT_BOOTSTRAP_SERVERS"
            ) from None
    return found


def config_values(entries: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(entry.value) for key, entry in entries.items()}
