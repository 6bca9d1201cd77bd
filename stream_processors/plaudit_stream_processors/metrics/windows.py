"""Rolling windows as sums of buckets, over all partitions."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.limits import FUTURE_MICROS

from plaudit_stream_processors.metrics.buckets import LONG_US, SHORT_US, Cells, long_name, short_name
from plaudit_stream_processors.metrics.declared import declared_only
from plaudit_stream_processors.metrics.figure import Figure
from plaudit_stream_processors.metrics.figures import figures, summed
from plaudit_stream_processors.metrics.series import labels_of


class Window(NamedTuple):
    """A window of some length. An immature one is too short for most feedback to have come in."""

    name: str
    seconds: int
    bucket_us: int
    immature: bool


WINDOWS: Final = (
    Window("1m", 60, SHORT_US, immature=True),
    Window("5m", 300, SHORT_US, immature=True),
    Window("1h", 3600, SHORT_US, immature=False),
    Window("24h", 86_400, LONG_US, immature=False),
)


def bucket_names(window: Window, at_us: int) -> list[str]:
    """The names of a window's buckets: from the window's length before `at_us` to a minute after it.

    Args:
        at_us: the broker's time, in microseconds. A producer's clock may be up to a minute ahead of it, and
            what such a producer sent counts at once.
    """
    last = at_us // window.bucket_us
    count = window.seconds * 1_000_000 // window.bucket_us
    ahead = (at_us + FUTURE_MICROS) // window.bucket_us
    name = short_name if window.bucket_us == SHORT_US else long_name
    return [name(bucket) for bucket in range(last - count + 1, ahead + 1)]


def window_figures(
    partitions: Iterable[Mapping[str, Cells]], window: Window, at_us: int, aspects: Aspects | None = None
) -> dict[str, list[Figure]]:
    """Series -> figures over a window, summed over the partitions.

    Args:
        aspects: those that applications declare; all others are shown as `other`.
    """
    names = bucket_names(window, at_us)
    counts = summed(buckets[name] for buckets in partitions for name in names if name in buckets)
    found = {}
    for series, counters in sorted(counts.items()):
        shown = declared_only(counters, labels_of(series).application, aspects) if aspects else counters
        found[series] = figures(shown)
    return found
