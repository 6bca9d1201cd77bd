"""Changes a live topic, as an operator would."""

from confluent_kafka.admin import (  # type: ignore[attr-defined]  # public, not declared as such
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics.admin import admin_of


def alter_topic(connection: ConnectionSettings, topic: str, name: str, value: str) -> None:
    """Change one setting of a topic."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(
        ResourceType.TOPIC, connection.topic_prefix + topic, incremental_configs=[entry]
    )
    admin = admin_of(connection)
    admin.incremental_alter_configs([resource])[resource].result(30)
