"""A whole file into a producer; `plaudit replay` and other programs call it."""

from dataclasses import dataclass
from pathlib import Path

from plaudit_producers._clock import Clock
from plaudit_producers._sinks import Sink
from plaudit_producers.importers.formats import Format, read_batches
from plaudit_producers.importers.model import ImportOptions
from plaudit_producers.importers.progress import progress_bar
from plaudit_producers.importers.replay import Replay, Summary, Times
from plaudit_producers.importers.report import Report
from plaudit_producers.importers.source import open_source


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast and how much of a file is sent, and with which times; `Replay` tells."""

    rate: float | None = None
    limit: int | None = None
    times: Times = "now"


def replay_file(
    path: str | Path,
    form: Format,
    sink: Sink,
    *,
    options: ImportOptions | None = None,
    pace: Pace | None = None,
    report: Report | None = None,
    clock: Clock | None = None,
) -> Summary:
    """Send the conversations of one file; returns when the sink has accepted the last one.

    Args:
        path: of the file, plain or gzip; `-` is the standard input.
        sink: a FeedbackProducer, which should block for room, or its fake.
        report: takes what was refused; it is closed.

    Raises:
        NotFoundError: the file, or one that belongs to it, cannot be read.
        BufferFullError: the producer found no room.
        SettingsError: the report cannot be written.
    """
    pace, report = pace or Pace(), report or Report(None)
    try:
        with open_source(path) as source, progress_bar(source) as progress:
            replay = Replay(sink, report, rate=pace.rate, times=pace.times, clock=clock, progress=progress)
            return replay.run(read_batches(form, source, options or ImportOptions()), pace.limit)
    finally:
        report.close()


def describe(summary: Summary, report: Report, times: Times, seconds: float) -> str:
    """The outcome in lines for a person."""
    kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(summary.bodies.items()))
    lines = [f"{summary.records:,} records, {summary.events:,} events in {seconds:.1f} s: {kinds or 'none'}"]
    if times == "now":
        lines.append("times: each event has that of its sending, not of the chat")
    elif summary.invented:
        lines.append(f"times: the file does not tell those of {summary.invented:,} events; they are invented")
    where = f", see {report.path}" if report.path else ""
    if report.bad:
        lines.append(f"{report.bad:,} records were refused{where}")
        lines += [f"  {example}" for example in report.examples]
    if report.noted:
        lines.append(f"{report.noted:,} records have a note{where}")
    if report.rest_unread:
        lines.append("the file could not be read to its end")
    return "\n".join(lines)
