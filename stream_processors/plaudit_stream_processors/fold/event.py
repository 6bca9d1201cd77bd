"""An event as the fold takes it."""

from typing import Any, Final

from plaudit_schemas.contract.limits import FUTURE_MICROS
from plaudit_schemas.contract.words import Word, place_of

from plaudit_stream_processors.fold.rules import CLOCKS_VERSION

_IMPORT: Final = "import"


class Event:
    """One decoded record (sparse form) with the broker's metadata.

    Attributes:
        at: event time in microseconds, for buckets and windows. It is the producer's time, cut to at most a
            minute from when the event was sent, by the broker's clock.
        place: microseconds by the broker's clock, for whose word holds: arrival, less the time that the event
            waited on the producer's machine. Producers that do not count it: `at`.
        by_page: a page sent it, and no server. Whoever makes the event sets it, under rules that know pages.
        skewed: the producer's clock is more than a minute off.
        arrived_ms: the broker's record timestamp in milliseconds.
        size: bytes of the record's value.
    """

    __slots__ = ("arrived_ms", "at", "by_page", "offset", "partition", "place", "record", "size", "skewed")

    def __init__(
        self,
        record: dict[str, Any],
        partition: int,
        offset: int,
        arrived_ms: int,
        size: int,
        *,
        version: int,
        first_arrived_ms: int | None = None,
    ) -> None:
        """Decides on the event's times.

        Args:
            version: of the fold's rules.
            first_arrived_ms: when the record arrived before it became a dead letter and was sent again.
        """
        self.record = record
        self.partition = partition
        self.offset = offset
        self.arrived_ms = arrived_ms
        self.size = size
        self.by_page = False
        occurred: int = record["occurred_at"]
        # A clock may be years ahead. Its events would count in buckets that no window shows for years.
        latest = arrived_ms * 1000 + FUTURE_MICROS
        self.skewed = occurred > latest
        self.at = self.place = latest if self.skewed else occurred
        if version >= CLOCKS_VERSION and "held_ms" in record:
            self._place_by_arrival(record, first_arrived_ms or arrived_ms)

    def word(self, said: Any) -> Word:
        """The word of this event where `said` is what it says."""
        record = self.record
        sequence = record.get("sequence", -1)
        producer = record.get("producer", "") if sequence >= 0 else ""
        return Word(producer, sequence, self.place, self.offset, self.at, record["event_id"], said)

    def _place_by_arrival(self, record: dict[str, Any], arrived_ms: int) -> None:
        self.place = place_of(arrived_ms, record["held_ms"])
        if record["source"] == _IMPORT:
            return  # its times are those of the file, not of a clock
        sent = place_of(self.arrived_ms, record["held_ms"])
        occurred: int = record["occurred_at"]
        # By the place: a dead letter that is sent again days later says nothing about a clock.
        self.skewed = not -FUTURE_MICROS <= occurred - self.place <= FUTURE_MICROS
        self.at = min(max(occurred, sent - FUTURE_MICROS), sent + FUTURE_MICROS)
