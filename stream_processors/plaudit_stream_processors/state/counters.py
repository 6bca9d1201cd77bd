"""A copy of the counters of all partitions, kept up to date by reading only what changed."""

from collections.abc import Iterable

from plaudit_schemas.service.redis import RedisClient, execute

from plaudit_stream_processors.metrics.buckets import Cells
from plaudit_stream_processors.state.keys import partition_keys


class CounterReader:
    """A copy of every bucket in Redis. `refresh` reads those that commits have changed since the last call.

    Attributes:
        totals: bucket name -> cells, summed over the partitions.
    """

    def __init__(self, client: RedisClient, prefix: str, partitions: Iterable[int]) -> None:
        self._client, self._prefix = client, prefix
        self._buckets: dict[int, dict[str, Cells]] = {partition: {} for partition in partitions}
        self.totals: dict[str, Cells] = {}
        self._seen: dict[int, int] = {}

    async def refresh(self) -> None:
        """Bring the copy up to date: two reads for each partition, and one for each changed bucket."""
        for partition, buckets in self._buckets.items():
            keys = partition_keys(self._prefix, partition)
            # Before the buckets: what is committed in between is read again by the next call.
            position = await execute(self._client, "HGET", keys.position, "next")
            following = int(position or 0)
            seen = self._seen.get(partition, -1)
            if following < seen:  # Redis lost its data and the log is being folded again
                for name in list(buckets):
                    self._replace(buckets, name, {})
                seen = -1
            changed = await execute(self._client, "ZRANGEBYSCORE", keys.changed, f"({seen}", "+inf")
            for name in changed:
                flat = await execute(self._client, "HGETALL", keys.metrics + name.decode())
                self._replace(buckets, name.decode(), _cells(flat))
            self._seen[partition] = following

    def forget_before(self, names: set[str]) -> None:
        """Drop the copies of all buckets but `names`: no window needs the others any more."""
        for held in (self.totals, *self._buckets.values()):
            for name in [name for name in held if name not in names]:
                del held[name]

    def _replace(self, buckets: dict[str, Cells], name: str, cells: Cells) -> None:
        """Replace the copy of a partition's bucket, and change the totals by the difference."""
        total = self.totals.setdefault(name, {})
        for cell, amount in buckets.get(name, {}).items():
            total[cell] -= amount
        for cell, amount in cells.items():
            total[cell] = total.get(cell, 0) + amount
        buckets[name] = cells


def _cells(flat: object) -> Cells:
    pairs = flat.items() if isinstance(flat, dict) else zip(flat[::2], flat[1::2], strict=True)  # type: ignore[index]  # a list
    return {cell.decode(): int(amount) for cell, amount in pairs}
