"""A bar on the terminal, where there is a terminal and tqdm is installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from plaudit_producers.importers.replay import Progress, Summary
from plaudit_producers.importers.source import Source


@contextmanager
def progress_bar(source: Source) -> Iterator[Progress | None]:
    """What to call after each record; None where nothing is to be shown."""
    if not sys.stderr.isatty() or find_spec("tqdm") is None:
        yield None
        return
    from tqdm import tqdm  # noqa: PLC0415  # of the extra `importers`

    with tqdm(total=source.progress()[1], unit="B", unit_scale=True, mininterval=0.2) as bar:

        def show(summary: Summary) -> None:
            bar.set_postfix(events=summary.events, refresh=False)
            bar.update(source.progress()[0] - bar.n)

        yield show
