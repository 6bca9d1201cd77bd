"""Where `plaudit replay` and `plaudit simulate` send to."""

from collections.abc import Iterator
from contextlib import contextmanager

from plaudit_schemas.connection import ConnectionSettings
from plaudit_schemas.errors import TopicError
from plaudit_schemas.topics import EVENTS
from plaudit_schemas.topics.admin import admin_of, live_partitions

from plaudit_producers._options import Options
from plaudit_producers._producer import FeedbackProducer

_ANSWER_S = 8.0


@contextmanager
def to_kafka(connection: ConnectionSettings, options: Options) -> Iterator[FeedbackProducer]:
    """A producer that blocks for room; leaving it waits for Kafka.

    Raises:
        ServiceUnavailableError: Kafka does not answer.
        TopicError: it has no topic for events.
    """
    topic = connection.topic_prefix + EVENTS
    if topic not in live_partitions(admin_of(connection), connection, timeout_s=_ANSWER_S):
        raise TopicError(
            f"Kafka at {connection.bootstrap_servers} has no {topic}; run `plaudit topics create`"
        )
    blocking: Options = {"when_full": "block", "block_timeout_s": None, **options}
    with FeedbackProducer("import", connection=connection, **blocking) as producer:
        yield producer


def unsent(producer: FeedbackProducer) -> int:
    """Wait until Kafka took or refused every event; how many it did not take."""
    waiting = producer.flush(producer.options.delivery_timeout_s)
    return waiting + producer.stats().failed
