"""Time buckets: ten seconds for the short windows, ten minutes for the day (docs/metrics.md).

The record timestamp of an event decides whether its counts are still within the retention of their
buckets. Every replay and every recount therefore decides alike.
"""

from typing import Final

SHORT_US: Final = 10_000_000
LONG_US: Final = 600_000_000
SHORT_RETENTION_US: Final = 2 * 3600 * 1_000_000
LONG_RETENTION_US: Final = 72 * 3600 * 1_000_000

Cells = dict[str, int]


class Counters:
    """Sums of deltas by bucket, series and counter.

    Attributes:
        recent: short bucket's start in units of SHORT_US -> series -> counter -> sum. These count in the
            long buckets as well.
        older: long bucket's start in units of LONG_US -> series -> counter -> sum. These are too old for
            the short buckets.
        late: number of deltas past both retentions, which were not counted.
    """

    __slots__ = ("late", "older", "recent")

    def __init__(self) -> None:
        self.recent: dict[int, dict[str, Cells]] = {}
        self.older: dict[int, dict[str, Cells]] = {}
        self.late = 0

    def add(self, series: list[str], counter: str, at: int, arrived_ms: int, amount: int = 1) -> None:
        """Count `amount` at event time `at` (microseconds) in each of `series`.

        Args:
            arrived_ms: the record timestamp of the event, which decides on retention.
        """
        bucket = at // SHORT_US
        if (bucket * SHORT_US + SHORT_RETENTION_US) > arrived_ms * 1000:
            by_series = self.recent.get(bucket)
            if by_series is None:
                by_series = self.recent[bucket] = {}
        else:
            bucket = at // LONG_US
            if bucket * LONG_US + LONG_RETENTION_US <= arrived_ms * 1000:
                self.late += 1
                return
            by_series = self.older.setdefault(bucket, {})
        for name in series:
            cells = by_series.get(name)
            if cells is None:
                by_series[name] = {counter: amount}
            else:
                cells[counter] = cells.get(counter, 0) + amount

    def by_bucket(self) -> dict[str, Cells]:
        """Bucket name (`10s:1763700010` or `10m:1763700000`, seconds since 1970) -> cells, zeros left out.

        A cell is `series name`, a blank, and the counter's name.
        """
        merged: dict[str, Cells] = {}
        for bucket, by_series in self.recent.items():
            _merge(merged.setdefault(short_name(bucket), {}), by_series)
            _merge(merged.setdefault(long_name(bucket * SHORT_US // LONG_US), {}), by_series)
        for bucket, by_series in self.older.items():
            _merge(merged.setdefault(long_name(bucket), {}), by_series)
        # Zeros come from changes that cancelled out, and would only cost Redis a field.
        for name, cells in merged.items():
            merged[name] = {cell: amount for cell, amount in cells.items() if amount}
        return {name: cells for name, cells in merged.items() if cells}


def short_name(bucket: int) -> str:
    """The name of a short bucket by its number."""
    return f"10s:{bucket * SHORT_US // 1_000_000}"


def long_name(bucket: int) -> str:
    """The name of a long bucket by its number."""
    return f"10m:{bucket * LONG_US // 1_000_000}"


def _merge(into: Cells, by_series: dict[str, Cells]) -> None:
    for series, cells in by_series.items():
        for counter, amount in cells.items():
            cell = f"{series} {counter}"
            into[cell] = into.get(cell, 0) + amount
