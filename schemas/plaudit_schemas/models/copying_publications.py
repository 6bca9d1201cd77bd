"""Copies publications into the topic of another prefix, with the times that they had."""

from plaudit_schemas.models.publication_log import PublicationLog
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import MODELS
from plaudit_schemas.topics.admin import admin_of, live_partitions


def copy_publications(connection: ConnectionSettings, target: ConnectionSettings) -> int:
    """Copy the publications that the other topic lacks, and return how many that were.

    A copy is active from when the original was, so that a replay of copied events takes the same versions.

    Raises:
        ServiceUnavailableError: Kafka does not answer. Run it again.
        TopicError: a topic is missing or cannot be used.
        RegistryError: a schema registry is set and gives no answer.
    """
    if connection.topic_prefix + MODELS not in live_partitions(admin_of(connection), connection):
        return 0  # the line was made by a release without models
    with PublicationLog(connection) as old, PublicationLog(target) as new:
        there = {each.id for each in new.read().publications}
        missing = [each for each in old.read().publications if each.id not in there]
        for each in missing:
            new.append(each, copied_from_ms=each.published_ms)
    return len(missing)
