"""When a file is full: decided by the records alone, so that every sink decides the same."""

from typing import NamedTuple

from plaudit_consumers.sink.names import day_of


class Limits(NamedTuple):
    """What one file holds at most."""

    rows: int
    bytes: int
    span_ms: float


class Extent(NamedTuple):
    """What a file holds: records, their bytes, the broker's timestamp of the earliest and their day."""

    records: int
    bytes: int
    earliest_ms: int
    day: str


def begin(timestamp_ms: int, size: int) -> Extent:
    """A file of one record."""
    return Extent(1, size, timestamp_ms, day_of(timestamp_ms))


def grow(extent: Extent, timestamp_ms: int, size: int) -> Extent:
    """The file with one more record."""
    return Extent(extent.records + 1, extent.bytes + size, min(extent.earliest_ms, timestamp_ms), extent.day)


def ends_before(extent: Extent, limits: Limits, timestamp_ms: int, size: int) -> bool:
    """Whether the next record belongs to the next file."""
    return (
        extent.records >= limits.rows
        or extent.bytes + size > limits.bytes
        or timestamp_ms - extent.earliest_ms >= limits.span_ms
        or day_of(timestamp_ms) != extent.day
    )
