"""Confluent's own client of a schema registry, as the tests use it."""

from confluent_kafka.schema_registry import SchemaRegistryClient


def confluent_client(registry: str) -> SchemaRegistryClient:
    """A client that asks again: without a time-out it waits for ever.

    Confluent's serializers ask for `/associations`, which Apicurio does not have, and on a crowded
    machine about one in 2,000 such requests is never answered.
    """
    return SchemaRegistryClient({"url": registry, "timeout": 10})
