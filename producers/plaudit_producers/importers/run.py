"""Import a whole file. Called by `plaudit replay`, and by other programs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from plaudit_producers.clock import Clock
from plaudit_producers.destinations import Destination
from plaudit_producers.importers.formats import Format, read_batches
from plaudit_producers.importers.model import ImportOptions
from plaudit_producers.importers.replay import Progress, Replay, ReplaySummary, Times
from plaudit_producers.importers.report import ImportReport
from plaudit_producers.importers.source import Source, open_source


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a file is sent, how much of it, and with which times. See `Replay`."""

    rate: float | None = None
    limit: int | None = None
    times: Times = "now"


def replay_file(
    path: str | Path,
    form: Format,
    destination: Destination,
    *,
    options: ImportOptions | None = None,
    pace: Pace | None = None,
    report: ImportReport | None = None,
    clock: Clock | None = None,
) -> ReplaySummary:
    """Send the conversations of one file. Returns once the destination has accepted the last one.

    Args:
        path: the file, plain or gzip; `-` is standard input.
        destination: a FeedbackProducer, which should have `when_full="block"`, or its fake.
        report: receives the refused records. It is closed at the end.

    Raises:
        NotFoundError: the file, or one that belongs to it, cannot be read.
        BufferFullError: the producer's buffer is full.
        SettingsError: the report cannot be written.
    """
    pace, report = pace or Pace(), report or ImportReport(None)
    try:
        with open_source(path) as source, _progress_bar(source) as progress:
            replay = Replay(
                destination, report, rate=pace.rate, times=pace.times, clock=clock, progress=progress
            )
            return replay.send_batches(read_batches(form, source, options or ImportOptions()), pace.limit)
    finally:
        report.close()


def describe_replay(summary: ReplaySummary, report: ImportReport, times: Times, seconds: float) -> str:
    """Describe the outcome in a few lines of text."""
    kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(summary.bodies.items()))
    lines = [f"{summary.records:,} records, {summary.events:,} events in {seconds:.1f} s: {kinds or 'none'}"]
    if times == "now":
        lines.append("times: each event has the time at which it was sent, not that of the chat")
    elif summary.invented:
        lines.append(f"times: {summary.invented:,} events have none in the file and got invented ones")
    where = f", see {report.path}" if report.path else ""
    if report.bad:
        lines.append(f"{report.bad:,} records were refused{where}")
        lines += [f"  {example}" for example in report.examples]
    if report.noted:
        lines.append(f"{report.noted:,} records have a note{where}")
    if report.rest_unread:
        lines.append("the file could not be read to its end")
    return "\n".join(lines)


@contextmanager
def _progress_bar(source: Source) -> Iterator[Progress | None]:
    """Yield a function to call after each record, or None without a terminal or without tqdm."""
    if not sys.stderr.isatty() or find_spec("tqdm") is None:
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415  # of the extra `importers`

    with tqdm(total=source.progress()[1], unit="B", unit_scale=True, mininterval=0.2) as bar:

        def show(summary: ReplaySummary) -> None:
            bar.set_postfix(events=summary.events, refresh=False)
            bar.update(source.progress()[0] - bar.n)

        yield show
