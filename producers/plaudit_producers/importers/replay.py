"""From batches to a producer: all of a conversation or nothing, at a pace, counted."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from plaudit_schemas.errors import InvalidEventError

from plaudit_producers._clock import Clock
from plaudit_producers._pipeline import Packed
from plaudit_producers._sinks import Sink
from plaudit_producers.importers.model import BadRecord, Batch
from plaudit_producers.importers.report import Report

Times = Literal["now", "original"]


@dataclass(slots=True)
class Summary:
    """What was sent.

    Attributes:
        records: conversations, and where a format has single events, events.
        bodies: events by the name of their body.
        invented: events whose time the file does not tell.
    """

    records: int = 0
    invented: int = 0
    bodies: Counter[str] = field(default_factory=Counter)

    @property
    def events(self) -> int:
        return sum(self.bodies.values())


Progress = Callable[[Summary], None]


class Replay:
    """Sends batches one after the other; events keep their order.

    Args:
        rate: events a second at most; None is as fast as the sink takes them.
        times: `now` stamps each event with the time of its sending; `original` leaves what it has.
        progress: called after each record of the file.
    """

    def __init__(
        self,
        sink: Sink,
        report: Report,
        *,
        rate: float | None = None,
        times: Times = "now",
        clock: Clock | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.summary = Summary()
        self._sink, self._report = sink, report
        self._rate, self._times = rate, times
        self._clock = clock or Clock()
        self._progress = progress
        self._due = self._clock.monotonic()

    def run(self, items: Iterable[Batch | BadRecord], limit: int | None = None) -> Summary:
        """Send what `items` holds, at most `limit` records of the file, bad ones included.

        Raises what the sink's `send_packed` raises.
        """
        for item in islice(items, limit):
            if isinstance(item, BadRecord):
                self._report.refuse(item.place, item.reason, rest_unread=item.rest_unread)
            else:
                self._take(item)
            if self._progress is not None:
                self._progress(self.summary)
        return self.summary

    def _take(self, batch: Batch) -> None:
        try:
            packed = self._pack(batch)
        except InvalidEventError as error:
            self._report.refuse(batch.place, str(error))
            return
        for each in packed:
            self._pace()
            self._sink.send_packed(each)
        for note in batch.notes:
            self._report.note(batch.place, note)
        self.summary.records += 1
        self.summary.invented += batch.invented
        self.summary.bodies.update(record["body"][0].rpartition(".")[2] for record in batch.records)

    def _pack(self, batch: Batch) -> list[Packed]:
        if self._times == "now":
            at, step = self._clock.micros(), 0.0
            if self._rate is not None:  # those later in the batch are sent later
                at += round(max(0.0, self._due - self._clock.monotonic()) * 1_000_000)
                step = 1_000_000 / self._rate
            for number, record in enumerate(batch.records):
                record["occurred_at"] = at + round(number * step)
        return [self._sink.pack(record, enveloped=batch.enveloped) for record in batch.records]

    def _pace(self) -> None:
        if self._rate is None:
            return
        now = self._clock.monotonic()
        if self._due > now:
            self._clock.sleep(self._due - now)
        elif now - self._due > 1:  # after a stall the rest is not rushed
            self._due = now
        self._due += 1 / self._rate
