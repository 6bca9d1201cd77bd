"""The effects of folding a batch besides the state: counters and finished conversations."""

from typing import Any, NamedTuple

from plaudit_stream_processors.metrics.buckets import Counters


class Emission(NamedTuple):
    """One finished conversation (or tombstone), at the offset of the event that finished it."""

    key: str
    offset: int
    record: dict[str, Any]


class Effects:
    """The effects of one batch. They are committed together or not at all.

    Attributes:
        duplicates: events that were folded before.
        ignored: events without effect: an idle end that activity overtook, or a second end.
        incomplete: ends of conversations whose start never came; these are not emitted.
    """

    __slots__ = ("counters", "duplicates", "finished", "ignored", "incomplete")

    def __init__(self) -> None:
        self.counters = Counters()
        self.finished: list[Emission] = []
        self.duplicates = 0
        self.ignored = 0
        self.incomplete = 0
