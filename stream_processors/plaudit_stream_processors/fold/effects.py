"""What folding a batch brings about besides the state: counts and finished conversations."""

from typing import Any, NamedTuple

from plaudit_stream_processors.metrics.buckets import Counters


class Emission(NamedTuple):
    """One finished conversation (or tombstone), at the offset of the event that finished it."""

    key: str
    offset: int
    record: dict[str, Any]


class Effects:
    """Collects over a batch; everything in it is committed together or not at all.

    Attributes:
        duplicates: events that had been folded before.
        ignored: events without an effect: an idle end overtaken by activity, a second end.
        incomplete: ends of conversations whose start never came; they are not emitted.
    """

    __slots__ = ("counters", "duplicates", "finished", "ignored", "incomplete")

    def __init__(self) -> None:
        self.counters = Counters()
        self.finished: list[Emission] = []
        self.duplicates = 0
        self.ignored = 0
        self.incomplete = 0
