"""The Kafka record types, producers and reader that every member uses. Built on confluent-kafka."""
