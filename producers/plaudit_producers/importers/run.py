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
from plaudit_producers.importers.recognition import recognise_format
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
    form: Format | None,
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
        form: the file's format; None recognises it from the first records.
        destination: a FeedbackProducer, which should have `when_full="block"`, or its fake.
        report: receives what is not taken. It is closed at the end.

    Raises:
        NotFoundError: the file, or one that belongs to it, cannot be read, or no format knows it.
        BufferFullError: the producer's buffer is full.
        SettingsError: the report cannot be written, or the file may be of several formats.
    """
    pace, report = pace or Pace(), report or ImportReport(None)
    try:
        with open_source(path) as source, _progress_bar(source) as progress:
            reason = ""
            if form is None:
                form, reason = recognise_format(source)
            replay = Replay(
                destination, report, rate=pace.rate, times=pace.times, clock=clock, progress=progress
            )
            replay.summary.format, replay.summary.recognised_by = form.name, reason
            return replay.send_batches(read_batches(form, source, options or ImportOptions()), pace.limit)
    finally:
        report.close()


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
