"""Files of judgements of conversations that exist: what their formats share, and how one is sent."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from plaudit_schemas.codec.wire import Record
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.review.answers import AnswerEvent
from plaudit_schemas.review.rubric import Rubric

from plaudit_producers.destinations import Destination
from plaudit_producers.importers.formats import Format, read_batches, reason_of
from plaudit_producers.importers.json_scanner import Member
from plaudit_producers.importers.model import BadRecord, Batch, ImportOptions, Place
from plaudit_producers.importers.recognition import recognise_format
from plaudit_producers.importers.replay import Replay, ReplaySummary
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.source import open_source
from plaudit_producers.interchange.annotated import AnnotatedItem, events_of, record_of

SOURCE: Final = "import"
_HINT: Final = (
    ". A table of verdicts names its columns in the first line, separated by commas; conversation and value "
    "are among them, as they are in each of JSON lines"
)


@dataclass(frozen=True, slots=True)
class LabelOptions:
    """What the user says of a whole file.

    Attributes:
        application: whose conversations are judged; None takes it from the rubric, the task or the row.
        rubric: whose questions are answered; None if the file says it, or has aspects.
        rater: who judged, where the file does not say it.
        people: ids of raters in the file -> ids here.
        again: part of every id; another text says everything again.
    """

    application: str | None = None
    rubric: Rubric | None = None
    rater: str | None = None
    people: dict[str, str] = field(default_factory=dict)
    again: str = ""
    aspects: Aspects = field(default_factory=Aspects.none)

    def whose(self) -> str | None:
        """The application of the rows of a table; None if nobody says it."""
        return self.application or (None if self.rubric is None else self.rubric.application)


Check = Callable[[Batch], str | None]


def label_file(
    path: str | Path,
    form: Format | None,
    known: dict[str, Format],
    destination: Destination,
    report: ImportReport,
    check: Check | None = None,
) -> ReplaySummary:
    """Send the judgements of a file. Returns once the destination has accepted the last one.

    Args:
        form: the file's format; None recognises it among the known ones.
        check: says what is wrong with a batch, which is then refused.

    Raises:
        NotFoundError: the file cannot be read, or no format knows it.
        SettingsError: the report cannot be written.
    """
    try:
        with open_source(path) as source:
            reason = ""
            if form is None:
                form, reason = recognise_format(source, known, _HINT)
            replay = Replay(destination, report)
            replay.summary.format, replay.summary.recognised_by = form.name, reason
            return replay.send_batches(_checked(read_batches(form, source, ImportOptions()), check))
    finally:
        report.close()


def _checked(items: Iterator[Batch | BadRecord], check: Check | None) -> Iterator[Batch | BadRecord]:
    for item in items:
        problem = None if check is None or isinstance(item, BadRecord) else check(item)
        yield item if problem is None else BadRecord(item.place, problem)


Judged = Callable[[Any], Iterator[AnnotatedItem | ValueError]]
"""The annotations in one record of a file; it may raise anything."""


def annotation_batches(
    members: Iterator[Member | BadRecord], read: Judged, options: LabelOptions
) -> Iterator[Batch | BadRecord]:
    """A batch for each annotation, or the reason why there is none."""
    for member in members:
        if isinstance(member, BadRecord):
            yield member
            continue
        try:
            for item in read(member.value):
                yield _batch_of(member.place, item, options)
        except Exception as error:  # a record may have any shape and so raise anything; the rest must go on
            yield BadRecord(member.place, reason_of(error))


def _batch_of(place: Place, item: AnnotatedItem | ValueError, options: LabelOptions) -> Batch | BadRecord:
    if isinstance(item, ValueError):
        return BadRecord(place, str(item))
    try:
        events = events_of(item)
    except ValueError as error:
        return BadRecord(place, f"{item.annotation}: {error}")
    application = item.carried.rubric.application
    if options.application not in (None, application):
        return BadRecord(
            place, f"is about a conversation of application {application}, not of {options.application}"
        )
    return Batch(place, records_of(application, events, time.time_ns() // 1000))


def records_of(application: str, events: list[AnswerEvent], now: int) -> list[Record]:
    """Events with their envelopes."""
    return [record_of(application, event, SOURCE, now=now) for event in events]
