"""Send batches to a destination at a given rate, each conversation whole or not at all."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Final, Literal

from plaudit_schemas.contract.names import short_name
from plaudit_schemas.errors import InvalidEventError

from plaudit_producers.clock import Clock
from plaudit_producers.destinations import Destination
from plaudit_producers.importers.model import BadRecord, Batch
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.sdk.pipeline import PackedEvent

Times = Literal["now", "original"]

_NUMBER: Final = "number"  # other ratings say themselves what is better


@dataclass(slots=True)
class ReplaySummary:
    """Counts of what was sent.

    Attributes:
        format: the name of the file's format.
        recognised_by: why the file was taken to be of that format; empty if the user named it.
        records: conversations, or events in a format of single events.
        invented: events with an invented time, because the file has none.
        bodies: events by the name of their body.
        unrated: conversations with an answer and without any feedback or comparison.
        aspects: ratings by application and aspect. Texts, corrections, signals and spans are none.
    """

    format: str = ""
    recognised_by: str = ""
    records: int = 0
    invented: int = 0
    bodies: Counter[str] = field(default_factory=Counter)
    unrated: int = 0
    aspects: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def events(self) -> int:
        """The number of all events."""
        return sum(self.bodies.values())

    def add(self, batch: Batch) -> None:
        """Count a batch that was sent."""
        self.records += 1
        self.invented += batch.invented
        names = Counter(short_name(record["body"][0]) for record in batch.records)
        self.bodies.update(names)
        if batch.enveloped:  # a whole chat; events of a format of single events tell nothing about theirs
            answered = any(record["body"][1].get("role") == "assistant" for record in batch.records)
            judged = names["UpdateMessage"] or names["CompareMessages"]
            self.unrated += answered and not judged
        for record in batch.records:
            feedback = record["body"][1].get("feedback")
            if feedback is not None and feedback["kind"] == _NUMBER:
                self.aspects[record["application"], feedback["aspect"]] += 1


Progress = Callable[[ReplaySummary], None]


class Replay:
    """Sends batches one after the other, with their events in order.

    Args:
        rate: the most events per second; None is as fast as the destination takes them.
        times: `now` stamps each event with the time at which it is sent; `original` keeps the event's time.
        progress: called after each record of the file.
    """

    def __init__(
        self,
        destination: Destination,
        report: ImportReport,
        *,
        rate: float | None = None,
        times: Times = "now",
        clock: Clock | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.summary = ReplaySummary()
        self._destination, self._report = destination, report
        self._rate, self._times = rate, times
        self._clock = clock or Clock()
        self._progress = progress
        self._due = self._clock.monotonic()

    def send_batches(self, items: Iterable[Batch | BadRecord], limit: int | None = None) -> ReplaySummary:
        """Send all batches in `items`, and report the bad records.

        Args:
            limit: stop after this many records of the file, including bad ones.

        Raises the errors of the destination's `send_packed`.
        """
        for item in islice(items, limit):
            if isinstance(item, BadRecord):
                self._report.add_refused(item.place, item.reason, rest_unread=item.rest_unread)
            else:
                self._send_batch(item)
            if self._progress is not None:
                self._progress(self.summary)
        return self.summary

    def _send_batch(self, batch: Batch) -> None:
        try:
            packed = self._pack_batch(batch)
        except InvalidEventError as error:
            self._report.add_refused(batch.place, str(error))
            return
        # All are packed before the first is sent: an invalid event must not leave half a conversation.
        for each in packed:
            self._wait_for_turn()
            self._destination.send_packed(each)
        for note in batch.notes:
            self._report.add_note(batch.place, note)
        self._report.add_unread(batch.place, batch.unread)
        self.summary.add(batch)

    def _pack_batch(self, batch: Batch) -> list[PackedEvent]:
        if self._times == "now":
            self._stamp_now(batch)
        return [self._destination.pack(record, enveloped=batch.enveloped) for record in batch.records]

    def _stamp_now(self, batch: Batch) -> None:
        """Set each event's time to the moment at which the rate lets it be sent."""
        at, step = self._clock.micros(), 0.0
        if self._rate is not None:
            at += round(max(0.0, self._due - self._clock.monotonic()) * 1_000_000)
            step = 1_000_000 / self._rate
        for number, record in enumerate(batch.records):
            record["occurred_at"] = at + round(number * step)

    def _wait_for_turn(self) -> None:
        if self._rate is None:
            return
        now = self._clock.monotonic()
        if self._due > now:
            self._clock.sleep(self._due - now)
        elif now - self._due > 1:  # after a stall, do not catch up in a rush
            self._due = now
        self._due += 1 / self._rate
