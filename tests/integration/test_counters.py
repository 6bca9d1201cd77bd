"""The copy of the counters that snapshots are made of, against a real server."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from plaudit_schemas.service.redis import connect, execute
from plaudit_stream_processors.state import counters as state_counters
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


def with_reader(url: str, counters: _Counters, use: Callable[[CounterReader], Awaitable[None]]) -> None:
    async def run() -> None:
        client = connect(url)
        await use(CounterReader(client, counters.prefix, range(2)))
        await client.aclose()

    asyncio.run(run())
    counters.client.close()


def test_totals_follow_what_changed_and_what_was_lost(valkey: str) -> None:
    counters = _Counters(valkey)

    async def follow(reader: CounterReader) -> None:
        names = {"10s:100", "10s:110"}
        counters.write(0, 10, "10s:100", {"a x": 2, "a y": 1})
        counters.write(1, 10, "10s:100", {"a x": 3})
        await reader.refresh(names)
        assert reader.totals == {"10s:100": {"a x": 5, "a y": 1}}
        counters.write(0, 20, "10s:100", {"a x": 1, "a y": -1})
        counters.write(1, 20, "10s:110", {"b z": 4})
        await reader.refresh(names)
        assert reader.totals == {"10s:100": {"a x": 6, "a y": 0}, "10s:110": {"b z": 4}}
        counters.lose(0)
        counters.write(0, 5, "10s:100", {"a x": 1})
        await reader.refresh(names)
        assert reader.totals["10s:100"] == {"a x": 4, "a y": 0}

    with_reader(valkey, counters, follow)


@pytest.mark.parametrize("known_since", ["the first refresh", "a later refresh"])
def test_a_bucket_of_a_fast_clock_is_there_once_a_window_reaches_it(valkey: str, known_since: str) -> None:
    counters = _Counters(valkey)

    async def follow(reader: CounterReader) -> None:
        if known_since == "a later refresh":
            counters.write(0, 5, "10s:100", {"a x": 1})
            await reader.refresh({"10s:100"})
        counters.write(0, 10, "10s:120", {"a x": 7})  # 20 s ahead of the window
        await reader.refresh({"10s:100"})
        assert "10s:120" not in reader.totals, "what no window wants takes no memory"
        await reader.refresh({"10s:110"})
        await reader.refresh({"10s:120"})
        assert reader.totals == {"10s:120": {"a x": 7}}

    with_reader(valkey, counters, follow)


def test_a_bucket_that_is_wanted_again_is_there_again(valkey: str) -> None:
    counters = _Counters(valkey)

    async def follow(reader: CounterReader) -> None:
        counters.write(0, 10, "10s:100", {"a x": 2})
        counters.write(1, 10, "10s:100", {"a x": 3})
        await reader.refresh({"10s:100", "10s:110"})
        await reader.refresh({"10s:110"})  # the clock was set forward
        assert reader.totals == {}
        counters.write(1, 20, "10s:100", {"a x": 1})
        await reader.refresh({"10s:110"})
        await reader.refresh({"10s:100"})  # and back again
        assert reader.totals == {"10s:100": {"a x": 6}}

    with_reader(valkey, counters, follow)


def test_a_refresh_that_failed_half_way_is_made_up_for(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    counters = _Counters(valkey)

    async def follow(reader: CounterReader) -> None:
        for partition in range(2):
            counters.write(partition, 10, "10s:100", {"a x": 1})
        await reader.refresh({"10s:100"})
        counters.lose(1)
        counters.write(1, 5, "10s:100", {"a x": 5})
        with monkeypatch.context() as patch:
            patch.setattr(state_counters, "execute", _no_buckets_of_partition_1)
            with pytest.raises(redis.ConnectionError):
                await reader.refresh({"10s:100", "10s:110"})
        counters.write(1, 15, "10s:120", {"a x": 1})  # by now it is past the position that was seen
        await reader.refresh({"10s:100", "10s:110"})
        assert reader.totals == {"10s:100": {"a x": 6}}

    with_reader(valkey, counters, follow)


async def _no_buckets_of_partition_1(client: Any, *command: Any) -> Any:
    if command[0] == "HGETALL" and "{plaudit:1}" in command[1]:
        raise redis.ConnectionError("away")
    return await execute(client, *command)
