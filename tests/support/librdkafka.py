"""librdkafka's own test tools: a broker inside the client, topics with an error, a fatal error."""

import ctypes
from functools import cache
from pathlib import Path
from typing import Any

import confluent_kafka
from confluent_kafka import KafkaError
from plaudit_producers import FeedbackProducer
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS

from harness.waiting import eventually


def mocked(**options: Any) -> ConnectionSettings:
    """Settings that give each client its own Kafka in memory. The client refreshes its metadata often.

    `metadata.max.age.ms` keeps known topics known. With the short refresh interval they would be lost
    after 600 ms. On a busy machine, events handed over then wait for the next refresh, and later ones
    overtake them.
    """
    quick = {
        "topic.metadata.refresh.interval.ms": 200,
        "topic.metadata.propagation.max.ms": 0,
        "metadata.max.age.ms": 900_000,
    }
    return ConnectionSettings(kafka_options={"test.mock.num.brokers": 1, **quick, **options})


def client_of(producer: FeedbackProducer) -> Any:
    """The producer's current client of librdkafka."""
    outbox: Any = producer._pipeline.outbox
    return outbox._thread.client._client


def wait_for_rounds(producer: FeedbackProducer, count: int) -> None:
    """Wait until the producer's thread has served delivery reports `count` more times."""
    outbox: Any = producer._pipeline.outbox
    step = outbox._thread._step
    done: list[None] = []

    def counted() -> None:
        step()
        done.append(None)

    outbox._thread._step = counted
    eventually(lambda: len(done) >= count, "the producer's thread to go round")


def fail_for_good(client: Any, code: int = KafkaError.INVALID_PRODUCER_EPOCH) -> None:
    """Raise a fatal error in a client, like an idempotent producer whose state Kafka has lost."""
    assert _library().rd_kafka_test_fatal_error(_handle(client), code, b"for the test") == 0


def refuse_topic(client: Any, code: int) -> None:
    """Give the events topic an error, from the client's next metadata refresh on. 0 takes it away."""
    library = _library()
    cluster = ctypes.c_void_p(library.rd_kafka_handle_mock_cluster(_handle(client)))
    library.rd_kafka_mock_topic_set_error(cluster, EVENTS.encode(), code)


@cache
def _library() -> ctypes.CDLL:
    folder = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    (path,) = folder.glob("librdkafka*.so*")
    library = ctypes.CDLL(str(path))
    library.rd_kafka_handle_mock_cluster.restype = ctypes.c_void_p
    library.rd_kafka_name.restype = ctypes.c_char_p
    return library


def _handle(client: Any) -> ctypes.c_void_p:
    """The pointer to the C client, which is the first member of the Python object after its header."""
    handle = ctypes.c_void_p.from_address(id(client) + object.__basicsize__)
    assert _library().rd_kafka_name(handle).startswith(b"rdkafka#producer")
    return handle
