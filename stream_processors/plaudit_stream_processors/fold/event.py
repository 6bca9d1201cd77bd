"""An event as the fold takes it."""

from typing import Any

from plaudit_schemas.contract.limits import FUTURE_MICROS


class Event:
    """One decoded record (sparse form) with the broker's metadata.

    Attributes:
        at: event time in microseconds: the producer's clock, cut to at most a minute after arrival.
        arrived_ms: the broker's record timestamp in milliseconds.
        size: bytes of the record's value.
    """

    __slots__ = ("arrived_ms", "at", "offset", "partition", "record", "size")

    def __init__(
        self, record: dict[str, Any], partition: int, offset: int, arrived_ms: int, size: int
    ) -> None:
        self.record = record
        self.partition = partition
        self.offset = offset
        self.arrived_ms = arrived_ms
        self.size = size
        occurred: int = record["occurred_at"]
        # A clock may be years ahead. Its events would count in buckets that no window shows for years.
        latest = arrived_ms * 1000 + FUTURE_MICROS
        self.at = occurred if occurred < latest else latest
