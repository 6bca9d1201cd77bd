"""Events on disk until Kafka has acknowledged them (docs/decisions/0019)."""
