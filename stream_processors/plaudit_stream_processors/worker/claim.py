"""Binds the state in Redis to the topics that it is made from, before the worker folds anything."""

import asyncio
from collections.abc import Mapping
from typing import Final

from plaudit_schemas.kafka.reader import TopicReader
from plaudit_schemas.service.recorded_line import read_recorded
from plaudit_schemas.service.redis import RedisClient
from plaudit_schemas.settings.connection import ConnectionSettings
from plaudit_schemas.topics import EVENTS, LiveTopic
from plaudit_schemas.topics.problems import RecordedLine, find_changes

from plaudit_stream_processors.state.identity import (
    FoldedUpTo,
    ForeignStateError,
    folded_up_to,
    record_line,
    refuse_during_reset,
)
from plaudit_stream_processors.worker.topic_checks import LineTopics

_LOOK_BACK: Final = 100  # offsets; the last ones before a position may be transaction markers


async def claim_state(client: RedisClient, connection: ConnectionSettings, topics: LineTopics) -> None:
    """Compare the topics with those that the state was made from; record them at the first start.

    A state of an earlier version has no ids. It takes those of the topics if the log can be its own.

    Raises:
        ForeignStateError: the state belongs to other topics, or is being deleted.
        ServiceUnavailableError: Kafka does not answer.
        redis.exceptions.RedisError: Redis does not answer.
    """
    prefix, topic_prefix = connection.redis_prefix, connection.topic_prefix
    await refuse_during_reset(client, prefix)
    live = {
        topic_prefix + name: LiveTopic(topic_prefix + name, topic_id, topics.partitions, 0, {})
        for name, topic_id in topics.ids.items()
    }
    recorded = await read_recorded(client, prefix, topic_prefix)
    _compare(live, topic_prefix, recorded)
    if EVENTS not in recorded.ids:
        folded = await folded_up_to(client, prefix, range(topics.partitions))
        foreign = await asyncio.to_thread(find_foreign, connection, folded)
        if foreign is not None:
            raise ForeignStateError(
                f"{topic_prefix}{EVENTS} is not the log that the state in Redis was made from: {foreign}; "
                "stop the workers and run `plaudit state reset`, which deletes that state"
            )
    ids = {topic_prefix + name: topic_id for name, topic_id in topics.ids.items()}
    await record_line(client, prefix, topic_prefix + EVENTS, topics.partitions, ids)
    # Once more: another worker may have recorded other topics at the same moment.
    _compare(live, topic_prefix, await read_recorded(client, prefix, topic_prefix))


def _compare(live: Mapping[str, LiveTopic], topic_prefix: str, recorded: RecordedLine) -> None:
    changes = find_changes(live, topic_prefix, recorded)
    if changes:
        raise ForeignStateError(". ".join(map(str, changes)))


def find_foreign(connection: ConnectionSettings, folded: Mapping[int, FoldedUpTo]) -> str | None:
    """Why the log cannot be the one that was folded; None if it can.

    The record before each position must be there, and must not have come after the last one that was folded.
    Where retention has deleted it, nothing can be said.
    """
    with TopicReader(connection, EVENTS) as reader:
        for partition, (position, arrived_ms) in folded.items():
            first, end = reader.ends(partition)
            if position > end:
                return f"partition {partition} ends at offset {end}, and the state goes up to {position}"
            before = list(reader.records(partition, max(first, position - _LOOK_BACK), position))
            if before and arrived_ms and before[-1].timestamp > arrived_ms:
                return f"offset {before[-1].offset} of partition {partition} came after it was folded"
    return None
