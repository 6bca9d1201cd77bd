"""Handing records to librdkafka one after another, however many they are."""

from typing import Any

from confluent_kafka import Producer


def produce_when_room(producer: Producer, *record: Any, **options: Any) -> None:
    """`Producer.produce`, which waits while the producer's queue is full and serves its reports.

    Raises:
        confluent_kafka.KafkaException: librdkafka does not take the record.
    """
    while True:
        try:
            producer.produce(*record, **options)
        except BufferError:
            producer.poll(0.1)
        else:
            producer.poll(0)
            return
