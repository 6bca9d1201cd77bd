"""Which topics the state in Redis was made from. Workers write it, and gateways and the audit read it."""

from typing import Final

from plaudit_schemas.service.redis import RedisClient, execute
from plaudit_schemas.topics import EVENTS, FINISHED
from plaudit_schemas.topics.problems import RecordedLine

_IDENTIFIED: Final = (EVENTS, FINISHED)


def partitions_key(prefix: str) -> str:
    """The hash that records each topic's number of partitions."""
    return prefix + "plaudit:partitions"


def topic_ids_key(prefix: str) -> str:
    """The hash that records each topic's id."""
    return prefix + "plaudit:topic-ids"


async def read_recorded(client: RedisClient, prefix: str, topic_prefix: str) -> RecordedLine:
    """What the workers recorded at their first start.

    Raises:
        redis.exceptions.RedisError: Redis did not answer.
    """
    count = await execute(client, "HGET", partitions_key(prefix), topic_prefix + EVENTS)
    ids = {}
    for name in _IDENTIFIED:
        found = await execute(client, "HGET", topic_ids_key(prefix), topic_prefix + name)
        if found is not None:
            ids[name] = found.decode()
    return RecordedLine(None if count is None else int(count), ids)
