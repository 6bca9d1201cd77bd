"""Checks before a worker starts that the topics' settings allow what it promises."""

from typing import NamedTuple

from plaudit_schemas.errors import TopicError
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import DEAD_LETTERS, EVENTS, FINISHED, METRICS
from plaudit_schemas.topics.admin import admin_of, live_config, live_partitions

from plaudit_stream_processors.worker.output import LARGEST_BYTES
from plaudit_stream_processors.worker.settings import WorkerSettings


class EventsTopic(NamedTuple):
    """What a worker must know of the events topic.

    Attributes:
        partitions: its number of partitions.
        keeps_ms: how long a record may stay in the log, in ms; 0 is forever.
    """

    partitions: int
    keeps_ms: int


def check_topics(connection: ConnectionSettings, settings: WorkerSettings) -> EventsTopic:
    """Check all topics of a worker, and return what it must know of the events topic.

    Raises:
        TopicError: a topic is missing, or its settings would break a promise.
        ServiceUnavailableError: Kafka does not answer.
    """
    admin = admin_of(connection)
    live = live_partitions(admin, connection)
    events, finished = connection.topic_prefix + EVENTS, connection.topic_prefix + FINISHED
    for name in (connection.topic_prefix + topic for topic in (EVENTS, FINISHED, DEAD_LETTERS, METRICS)):
        if name not in live:
            raise TopicError(f"the topic {name} does not exist; run `plaudit topics create`")
    if live[finished] != live[events]:
        raise TopicError(
            f"{finished} has {live[finished]} partitions, but {events} has {live[events]}; they must agree"
        )
    config = live_config(admin, events)
    if config.get("message.timestamp.type") != "LogAppendTime":
        raise TopicError(
            f"{events} must have message.timestamp.type=LogAppendTime: expiry is decided by arrival"
        )
    retention = int(config.get("retention.ms", "-1"))
    if 0 <= retention < settings.needed_retention_ms:
        raise TopicError(
            f"{events} keeps records for {retention} ms, but PLAUDIT_STATE_RETENTION_HOURS and "
            f"PLAUDIT_LONGEST_OPEN_HOURS need {settings.needed_retention_ms} ms; raise retention.ms or "
            "lower these settings"
        )
    largest = int(live_config(admin, finished).get("max.message.bytes", LARGEST_BYTES))
    if largest < LARGEST_BYTES:
        raise TopicError(
            f"{finished} takes records of at most {largest} bytes, but a finished conversation may have "
            f"{LARGEST_BYTES}; raise its max.message.bytes"
        )
    # Kafka deletes whole segments, so a record may stay for the time of its segment longer.
    segment = int(config.get("segment.ms", "0"))
    return EventsTopic(live[events], 0 if retention < 0 else retention + segment)
