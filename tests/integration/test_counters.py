"""The copy of the counters that snapshots are made of, against a real server."""

import asyncio
import uuid

import pytest
import redis
from plaudit_schemas.service.redis import connect
from plaudit_stream_processors.state.counters import CounterReader
from plaudit_stream_processors.state.keys import partition_keys

pytestmark = pytest.mark.redis


class _Counters:
    """Writes as a commit does: cells, the bucket's last offset, the position."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url)
        self.prefix = uuid.uuid4().hex

    def write(self, partition: int, offset: int, bucket: str, cells: dict[str, int]) -> None:
        keys = partition_keys(self.prefix, partition)
        for cell, amount in cells.items():
            self.client.hincrby(keys.metrics + bucket, cell, amount)
        self.client.zadd(keys.changed, {bucket: offset})
        self.client.hset(keys.position, "next", offset)

    def lose(self, partition: int) -> None:
        keys = partition_keys(self.prefix, partition)
        self.client.delete(keys.changed, keys.position, *self.client.keys(f"{keys.metrics}*"))


def test_totals_follow_what_changed_and_what_was_lost(valkey: str) -> None:
    counters = _Counters(valkey)

    async def follow() -> None:
        client = connect(valkey)
        reader = CounterReader(client, counters.prefix, range(2))
        counters.write(0, 10, "10s:100", {"a x": 2, "a y": 1})
        counters.write(1, 10, "10s:100", {"a x": 3})
        await reader.refresh()
        assert reader.totals == {"10s:100": {"a x": 5, "a y": 1}}
        counters.write(0, 20, "10s:100", {"a x": 1, "a y": -1})
        counters.write(1, 20, "10s:110", {"b z": 4})
        await reader.refresh()
        assert reader.totals == {"10s:100": {"a x": 6, "a y": 0}, "10s:110": {"b z": 4}}
        counters.lose(0)
        counters.write(0, 5, "10s:100", {"a x": 1})
        await reader.refresh()
        assert reader.totals["10s:100"] == {"a x": 4, "a y": 0}
        reader.forget_before({"10s:110"})
        assert set(reader.totals) == {"10s:110"}
        await client.aclose()

    asyncio.run(follow())
    counters.client.close()
