"""API keys in a test's own topic."""

import uuid
from collections.abc import Callable

import pytest
from plaudit_producers.gateway.access.key_stores import KeyStore, key_store_of
from plaudit_producers.gateway.settings import GatewaySettings
from plaudit_schemas.settings.connection import ConnectionSettings, SecretUrl
from plaudit_schemas.topics import API_KEYS, definition
from plaudit_schemas.topics.admin import admin_of, create_topic, live_partitions
from plaudit_schemas.topics.visibility import wait_known

from harness.waiting import eventually

IN_KAFKA = GatewaySettings(gateway_keys="kafka")


def key_connection(kafka: str, redis: str) -> ConnectionSettings:
    """A topic, and a prefix in Redis, that no other test has."""
    prefix = f"keys-{uuid.uuid4().hex[:12]}-"
    made = ConnectionSettings(
        bootstrap_servers=kafka, topic_prefix=prefix, redis_url=SecretUrl(redis), redis_prefix=prefix
    )
    make_key_topic(made)
    return made


def make_key_topic(connection: ConnectionSettings) -> None:
    """Create the topic of API keys alone, which is quicker than all of them."""
    admin, name = admin_of(connection), connection.topic_prefix + API_KEYS
    create_topic(admin, name, definition(API_KEYS), 1, replicas=1)
    wait_known(admin, connection, [name], timeout_s=30)


def remake_key_topic(connection: ConnectionSettings) -> None:
    """Delete the topic of API keys and create it again, empty."""
    admin, name = admin_of(connection), connection.topic_prefix + API_KEYS
    admin.delete_topics([name])[name].result(30)
    eventually(lambda: name not in live_partitions(admin, connection), "the topic is gone")
    make_key_topic(connection)


def kafka_store(kafka: str, redis: str, request: pytest.FixtureRequest) -> Callable[[], KeyStore]:
    """Makes stores on one topic, which are closed after the test."""
    connection = key_connection(kafka, redis)

    def make() -> KeyStore:
        store = key_store_of(IN_KAFKA, connection)
        request.addfinalizer(store.close)
        return store

    return make
