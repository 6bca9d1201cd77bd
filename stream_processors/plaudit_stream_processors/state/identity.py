"""The topics that the state belongs to: recorded at the first start, compared at every later one."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from plaudit_schemas.service.recorded_line import partitions_key, topic_ids_key
from plaudit_schemas.service.redis import RedisClient, execute

from plaudit_stream_processors.state.keys import partition_keys, reset_key
from plaudit_stream_processors.state.store import StateError


class ForeignStateError(StateError):
    """The state in Redis belongs to other topics, or is being deleted."""


class FoldedUpTo(NamedTuple):
    """How far a partition is folded: the next offset, and the latest record timestamp of its last batch."""

    next_offset: int
    arrived_ms: int


async def record_line(
    client: RedisClient, prefix: str, topic: str, partitions: int, ids: Mapping[str, str]
) -> None:
    """Record what is not recorded yet.

    Args:
        topic: the events topic, with its prefix.
        partitions: of the events topic.
        ids: by full name; an empty id is not recorded.
    """
    await execute(client, "HSETNX", partitions_key(prefix), topic, partitions)
    for name, topic_id in ids.items():
        if topic_id:
            await execute(client, "HSETNX", topic_ids_key(prefix), name, topic_id)


async def refuse_during_reset(client: RedisClient, prefix: str) -> None:
    """Raise ForeignStateError if a reset of the state has begun and not ended."""
    if await execute(client, "EXISTS", reset_key(prefix)):
        raise ForeignStateError(
            "the state in Redis is being deleted, or that was cut off; run `plaudit state reset --yes` again"
        )


async def folded_up_to(client: RedisClient, prefix: str, partitions: Iterable[int]) -> dict[int, FoldedUpTo]:
    """Partition -> how far it is folded; only partitions that have been folded."""
    found = {}
    for partition in partitions:
        key = partition_keys(prefix, partition).position
        following, arrived = await execute(client, "HMGET", key, "next", "arrived_ms")
        if following is not None:
            found[partition] = FoldedUpTo(int(following), int(arrived or 0))
    return found
