"""Decides when a file is full. Only the records count, so that every sink decides the same."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, Self

from plaudit_schemas.kafka.record import KafkaRecord


class FileLimits(NamedTuple):
    """The most that one file may hold; `span_ms` is the time from its earliest record to its latest."""

    records: int
    bytes: int
    span_ms: float


class FileExtent(NamedTuple):
    """The size, time span and day of a file.

    Attributes:
        bytes: of the records as Kafka stores them.
        earliest_ms: the earliest broker timestamp.
        day: the UTC day of the first record, and so of all records.
    """

    records: int
    bytes: int
    earliest_ms: int
    day: str

    @classmethod
    def of(cls, record: KafkaRecord) -> Self:
        """A file of one record."""
        return cls(1, len(record.value or b""), record.timestamp, day_of(record.timestamp))

    def with_record(self, record: KafkaRecord) -> "FileExtent":
        """The file with one more record."""
        # Broker timestamps can go back, for example when another broker becomes the leader.
        earliest_ms = min(self.earliest_ms, record.timestamp)
        return FileExtent(self.records + 1, self.bytes + len(record.value or b""), earliest_ms, self.day)

    def is_full_before(self, record: KafkaRecord, limits: FileLimits) -> bool:
        """Whether the record belongs to the next file."""
        return (
            self.records >= limits.records
            or self.bytes + len(record.value or b"") > limits.bytes
            or record.timestamp - self.earliest_ms >= limits.span_ms
            or day_of(record.timestamp) != self.day
        )


def day_of(timestamp_ms: int) -> str:
    """The UTC day of a record, as YYYY-MM-DD."""
    return _day(timestamp_ms // 86_400_000)


@lru_cache(maxsize=64)  # asked for every record, and formatting a date is slow
def _day(days: int) -> str:
    return datetime.fromtimestamp(days * 86_400, UTC).strftime("%Y-%m-%d")
