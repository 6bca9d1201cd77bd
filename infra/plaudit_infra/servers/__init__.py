"""Real servers from pip-installed parts: Kafka, Valkey and a schema registry. For laptops and tests."""
