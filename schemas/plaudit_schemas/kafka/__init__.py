"""Kafka for every member: one kind of record, one producer, one reader. Built on confluent-kafka."""
