"""A figure, and what it is made from."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from plaudit_stream_processors.metrics.estimates import Clusters, Estimate

Counts = Mapping[str, int]
"""Counter -> sum over a window."""

_PARTS: Final = ("voters", "cn", "cs", "css", "csn", "cnn")


class Figure(NamedTuple):
    """One figure of one series; dimensions that do not apply are empty."""

    name: str
    rater_kind: str
    scale: str
    level: str
    estimate: Estimate


def clusters_of(family: str, counts: Counts) -> Clusters:
    """The sums over the conversations that voted in a family."""
    return Clusters(*(counts.get(f"{family}:{part}", 0) for part in _PARTS))
