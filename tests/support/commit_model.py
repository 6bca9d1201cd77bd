"""What commits should leave in Redis, in Python dicts."""

from typing import Any

from plaudit_schemas.service.redis import RedisClient, execute
from plaudit_stream_processors.fold import ConversationState
from plaudit_stream_processors.state.commit import Leftovers
from plaudit_stream_processors.state.keys import partition_keys

GARBAGE_MS = 3_600_000
Fields = dict[str, str]


class CommitModel:
    """The state of one partition after commits.

    Attributes:
        mortal: conversations that expire by themselves.
        dropped: how many conversations have lost their content.
    """

    def __init__(self, retention_ms: int) -> None:
        self._retention_ms = retention_ms
        self.hashes: dict[str, Fields] = {}
        self.cells: dict[str, dict[str, int]] = {}
        self.open: dict[str, int] = {}
        self.ended: dict[str, int] = {}
        self.changed: dict[str, int] = {}
        self.mortal: set[str] = set()
        self.next = 0
        self.arrived = 0
        self.dropped = 0

    def commit(
        self,
        batch: dict[str, tuple[ConversationState, Fields, bool]],
        buckets: dict[str, dict[str, int]],
        leftovers: Leftovers,
        next_offset: int,
        arrived_ms: int,
    ) -> None:
        """Write a batch: id -> state, its changed fields, and whether nothing else may stay of it."""
        self._drop(batch.keys(), buckets, leftovers, arrived_ms)
        for key, (state, fields, alone) in batch.items():
            self.hashes[key] = fields if alone else self.hashes.get(key, {}) | fields
            self.mortal.discard(key)
            self.open.pop(key, None)
            self.ended.pop(key, None)
            if state.is_open:
                self.open[key] = state.activity_ms
            else:
                self.ended[key] = state.end["arrived_ms"] if state.end else state.activity_ms
        for name, cells in buckets.items():
            self.changed[name] = next_offset
            for cell, amount in cells.items():
                held = self.cells.setdefault(name, {})
                held[cell] = held.get(cell, 0) + amount
        self.next, self.arrived = next_offset, arrived_ms

    def _drop(self, written: Any, buckets: Any, leftovers: Leftovers, arrived_ms: int) -> None:
        before = arrived_ms - self._retention_ms - GARBAGE_MS
        for key in set(leftovers.conversations) - set(written):
            if self.ended.get(key, before) < before:
                del self.ended[key]
                self.hashes[key] = {"progress": self.hashes[key]["progress"]}
                self.mortal.add(key)
                self.dropped += 1
        for name in set(leftovers.buckets) - set(buckets):
            if name not in self.cells:
                self.changed.pop(name, None)

    def content(self) -> dict[str, object]:
        """The same as `content_of` gives of a right Redis."""
        return {
            "hashes": self.hashes,
            "cells": self.cells,
            "open": self.open,
            "ended": self.ended,
            "changed": self.changed,
            "mortal": self.mortal,
            "position": (self.next, self.arrived),
        }


async def content_of(client: RedisClient, prefix: str, partition: int) -> dict[str, object]:
    """All that Redis has of a partition."""
    names = partition_keys(prefix, partition)
    hashes: dict[str, Fields] = {}
    cells: dict[str, dict[str, int]] = {}
    mortal = set()
    async for key in client.scan_iter(match=names.position.removesuffix("position") + "*", count=500):
        name = key.decode()
        if name.startswith(names.conversation):
            hashes[name.removeprefix(names.conversation)] = await _hash(client, name)
            if await execute(client, "PTTL", name) > 0:
                mortal.add(name.removeprefix(names.conversation))
        elif name.startswith(names.metrics):
            found = await _hash(client, name)
            cells[name.removeprefix(names.metrics)] = {cell: int(n) for cell, n in found.items()}
            assert await execute(client, "PTTL", name) > 0
    position = await _hash(client, names.position)
    return {
        "hashes": hashes,
        "cells": cells,
        "open": await _scores(client, names.open),
        "ended": await _scores(client, names.ended),
        "changed": await _scores(client, names.changed),
        "mortal": mortal,
        "position": (int(position.get("next", 0)), int(position.get("arrived_ms", 0))),
    }


async def _hash(client: RedisClient, key: str) -> Fields:
    found: Any = await execute(client, "HGETALL", key)
    return {field.decode(): value.decode() for field, value in found.items()}


async def _scores(client: RedisClient, key: str) -> dict[str, int]:
    found: Any = await execute(client, "ZRANGE", key, 0, -1, "WITHSCORES")
    pairs = (
        zip(found[::2], found[1::2], strict=True)
        if found and not isinstance(found[0], list | tuple)
        else found
    )
    return {member.decode(): int(float(score)) for member, score in pairs}
