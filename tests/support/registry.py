"""Confluent's own client of a schema registry, configured for the tests."""

from confluent_kafka.schema_registry import SchemaRegistryClient


def confluent_client(registry: str) -> SchemaRegistryClient:
    """A client with a time-out, so that it repeats a request that is never answered.

    Confluent's serializers ask for `/associations`, which Apicurio does not have. On a busy machine about one
    in 2,000 such requests gets no answer, and without a time-out the client would wait for ever.
    """
    return SchemaRegistryClient({"url": registry, "timeout": 10})
