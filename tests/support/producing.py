"""Putting records into Kafka, however many they are."""

from confluent_kafka import Producer


def put(producer: Producer, topic: str, value: bytes, key: bytes, partition: int = -1) -> None:
    """Produce one record, waiting for room; without a partition the key decides."""
    while True:
        try:
            producer.produce(topic, value, key, partition)
            break
        except BufferError:
            producer.poll(0.1)
