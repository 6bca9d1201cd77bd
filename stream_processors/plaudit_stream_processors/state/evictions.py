"""Whether Redis has evicted keys since the state was begun.

A state with holes looks like any other: a conversation that was evicted looks like one that never was. So the
number of evicted keys that each node had when the state first saw it is kept with the state.
"""

from collections.abc import Sequence

from plaudit_schemas.service.redis import RedisClient, execute
from plaudit_schemas.service.redis_nodes import SAFE_POLICY, RedisNode

from plaudit_stream_processors.state.keys import evictions_key
from plaudit_stream_processors.state.store import StateError


class EvictedError(StateError):
    """Redis has evicted keys, so the state may have holes; it must be made anew from the log."""


class EvictionRecord:
    """How many keys each node had evicted when the state, or this process, first saw it.

    It is kept in Redis, for processes that start later. A running process also remembers it, because the
    record is a key that may itself be evicted.
    """

    def __init__(self, client: RedisClient, prefix: str) -> None:
        self._client, self._key = client, evictions_key(prefix)
        self._first: dict[str, int] = {}

    async def refuse_evictions(self, nodes: Sequence[RedisNode]) -> None:
        """Compare the nodes with the record, and add to it those that are new.

        Raises:
            EvictedError: a node has evicted keys since.
            redis.exceptions.RedisError: Redis did not answer.
        """
        for node in nodes:
            if not node.run_id or node.evicted is None:
                continue
            first = await self._recorded(node.run_id, node.evicted)
            if node.evicted > first:
                raise EvictedError(
                    f"Redis at {node.address} has evicted {node.evicted - first} keys, so the state may have "
                    f"holes; set maxmemory-policy {SAFE_POLICY} and rebuild the state under another "
                    f"PLAUDIT_REDIS_PREFIX, or delete the key {self._key} if `plaudit audit` balances"
                )
        if all(node.run_id for node in nodes):
            await self._forget_all_but({node.run_id for node in nodes})

    async def _recorded(self, run_id: str, evicted: int) -> int:
        """The recorded number of a node; the present one is recorded if there is none."""
        first = self._first.get(run_id, evicted)
        await execute(self._client, "HSETNX", self._key, run_id, first)
        first = int(await execute(self._client, "HGET", self._key, run_id) or first)
        if evicted < first:  # somebody reset the statistics of the node
            first = evicted
            await execute(self._client, "HSET", self._key, run_id, first)
        self._first[run_id] = first
        return first

    async def _forget_all_but(self, run_ids: set[str]) -> None:
        """Drop servers that are gone or were started anew, as they would only add up."""
        recorded = {run_id.decode() for run_id in await execute(self._client, "HKEYS", self._key)}
        if recorded - run_ids:
            await execute(self._client, "HDEL", self._key, *sorted(recorded - run_ids))
        for run_id in self._first.keys() - run_ids:
            del self._first[run_id]
