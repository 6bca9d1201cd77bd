"""A copy of the counters of all partitions, kept up to date by reading only what changed."""

from collections.abc import Iterable
from typing import Final

from plaudit_schemas.service.redis import RedisClient, execute

from plaudit_stream_processors.metrics.buckets import Cells
from plaudit_stream_processors.state.keys import partition_keys

_NONE: Final[Cells] = {}  # one for all buckets that do not exist


class CounterReader:
    """A copy of the buckets that windows are made of.

    Attributes:
        totals: bucket name -> cells, summed over the partitions.
    """

    def __init__(self, client: RedisClient, prefix: str, partitions: Iterable[int]) -> None:
        self._client, self._prefix = client, prefix
        self._buckets: dict[int, dict[str, Cells]] = {partition: {} for partition in partitions}
        self.totals: dict[str, Cells] = {}
        self._seen: dict[int, int] = {}

    async def refresh(self, names: Iterable[str]) -> None:
        """Hold exactly these buckets, as they are now.

        It makes two reads for each partition, and one for each bucket that has changed or that is not held
        yet. The latter may have been written long before, by a producer whose clock is fast. So a bucket is
        never taken for unchanged only because nobody wanted it when it changed.

        Raises:
            redis.exceptions.RedisError: Redis did not answer; the next call makes up for it.
        """
        wanted = frozenset(names)
        for held in (self.totals, *self._buckets.values()):
            for name in held.keys() - wanted:
                del held[name]
        for partition, buckets in self._buckets.items():
            await self._refresh_partition(partition, buckets, wanted)

    async def _refresh_partition(
        self, partition: int, buckets: dict[str, Cells], wanted: frozenset[str]
    ) -> None:
        keys = partition_keys(self._prefix, partition)
        # Before the buckets: what is committed in between is read again by the next call.
        following = int(await execute(self._client, "HGET", keys.position, "next") or 0)
        seen = self._seen.get(partition, -1)
        if following < seen:  # Redis lost its data and the log is being folded again
            seen = self._seen[partition] = -1
        changed = await execute(self._client, "ZRANGEBYSCORE", keys.changed, f"({seen}", "+inf")
        to_read = wanted.intersection(name.decode() for name in changed)
        if seen < 0:  # all buckets that exist have been named
            for name in wanted - to_read:
                self._replace(buckets, name, _NONE)
        for name in sorted(to_read | (wanted - buckets.keys())):
            flat = await execute(self._client, "HGETALL", keys.metrics + name)
            self._replace(buckets, name, _cells(flat))
        self._seen[partition] = following  # only now: after an error all of this is done again

    def _replace(self, buckets: dict[str, Cells], name: str, cells: Cells) -> None:
        """Replace the copy of a partition's bucket, and change the totals by the difference."""
        before = buckets.get(name, _NONE)
        buckets[name] = cells
        if not before and not cells:
            return
        total = self.totals.setdefault(name, {})
        for cell, amount in before.items():
            total[cell] -= amount
        for cell, amount in cells.items():
            total[cell] = total.get(cell, 0) + amount


def _cells(flat: object) -> Cells:
    pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)  # type: ignore[index]  # a list
    return {cell.decode(): int(amount) for cell, amount in pairs}
