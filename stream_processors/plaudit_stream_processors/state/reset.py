"""Delete the state in Redis: what workers have folded, and the review queues; nothing of gateways."""

import re
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from plaudit_schemas.service.recorded_line import partitions_key, topic_ids_key
from plaudit_schemas.service.redis import RedisClient, execute

from plaudit_stream_processors.metrics.label_names import KINDS
from plaudit_stream_processors.state.keys import evictions_key, labels_key, reset_key

_AT_ONCE: Final = 500


class StateSize(NamedTuple):
    """What a state consists of: its number of keys, and how many of them are conversations."""

    keys: int
    conversations: int


async def measure_state(client: RedisClient, prefix: str) -> StateSize:
    """Count what `delete_state` would delete."""
    keys = conversations = 0
    async for key in _partition_keys(client, prefix):
        keys += 1
        conversations += b"}:conversation:" in key
    for name in _line_keys(prefix):
        keys += int(await execute(client, "EXISTS", name))
    return StateSize(keys, conversations)


async def begin_reset(client: RedisClient, prefix: str) -> None:
    """Keep workers from taking partitions until `delete_state` has ended."""
    await execute(client, "SET", reset_key(prefix), "begun")


async def cancel_reset(client: RedisClient, prefix: str) -> None:
    """Let workers take partitions again. Nothing may have been deleted yet."""
    await execute(client, "DEL", reset_key(prefix))


async def delete_state(client: RedisClient, prefix: str) -> int:
    """Delete all keys of the state, the mark of `begin_reset` last. Returns how many. May be repeated."""
    deleted, found = 0, True
    while found:  # a scan of a cluster may miss keys whose slot moves meanwhile
        found = False
        async for key in _partition_keys(client, prefix):
            deleted += int(await execute(client, "UNLINK", key))
            found = True
    for name in _line_keys(prefix):
        deleted += int(await execute(client, "UNLINK", name))
    await execute(client, "DEL", reset_key(prefix))
    return deleted


def _line_keys(prefix: str) -> list[str]:
    return [
        *(labels_key(prefix, kind) for kind in KINDS),
        partitions_key(prefix),
        topic_ids_key(prefix),
        evictions_key(prefix),
    ]


async def _partition_keys(client: RedisClient, prefix: str) -> AsyncIterator[bytes]:
    """The keys of all partitions, of review queues and of places of labels, which belong to the same log.

    Other prefixes and the gateways' keys match the patterns too.
    """
    ours = re.compile(re.escape(prefix.encode()) + rb"\{plaudit:([0-9]+|labels|review:[^}]*)\}:")
    for tag in ("[0-9]*", "labels", "review:*"):
        async for key in client.scan_iter(match=f"{prefix}{{plaudit:{tag}}}:*", count=_AT_ONCE):
            if ours.match(key):
                yield key
