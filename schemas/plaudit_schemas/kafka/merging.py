"""Merge the records of several partitions by their time of arrival. Pure."""

import heapq
from collections import deque
from collections.abc import Collection, Iterator
from typing import Any


class ArrivalMerge:
    """Holds records of several partitions, and gives them out in the order in which the broker took them.

    Within a partition the order of the log holds, even where its timestamps step back. A record is given out
    only when every partition that may still have an earlier one has shown its next record.
    """

    def __init__(self, partitions: Collection[int]) -> None:
        self._waiting: dict[int, deque[tuple[int, int, Any]]] = {number: deque() for number in partitions}
        self._bytes = dict.fromkeys(partitions, 0)
        self._reached_ms = dict.fromkeys(partitions, 0)
        self._heads: list[tuple[int, int]] = []
        self._open = set(partitions)
        self._awaited = set(partitions)

    @property
    def is_done(self) -> bool:
        """Whether every partition has ended and every record was given out."""
        return not self._open and not self._heads

    def held_bytes(self, partition: int) -> int:
        """The bytes of a partition's records that have not been given out."""
        return self._bytes[partition]

    def add(self, partition: int, timestamp_ms: int, size: int, record: Any) -> None:
        """Take the next record of a partition, with its time of arrival and its bytes."""
        waiting = self._waiting[partition]
        waiting.append((timestamp_ms, size, record))
        self._bytes[partition] += size
        if len(waiting) == 1:
            self._awaited.discard(partition)
            self._show_head(partition)

    def end(self, partition: int) -> None:
        """Note that a partition has no further record."""
        self._open.discard(partition)
        self._awaited.discard(partition)

    def take(self) -> Iterator[Any]:
        """Give out the records whose turn it is, until a partition must show its next one."""
        while self._heads and not self._awaited:
            _, partition = heapq.heappop(self._heads)
            _, size, record = self._waiting[partition].popleft()
            self._bytes[partition] -= size
            if self._waiting[partition]:
                self._show_head(partition)
            elif partition in self._open:
                self._awaited.add(partition)
            yield record

    def _show_head(self, partition: int) -> None:
        # The latest time so far: a leader's clock may step back, and the log's own order holds.
        reached_ms = max(self._reached_ms[partition], self._waiting[partition][0][0])
        self._reached_ms[partition] = reached_ms
        heapq.heappush(self._heads, (reached_ms, partition))
