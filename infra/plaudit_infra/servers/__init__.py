"""Real servers from pip-installed parts: Kafka, Valkey, a schema registry. For laptops and tests."""
