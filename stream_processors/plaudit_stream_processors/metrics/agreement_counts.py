"""Counts of how well a scorer's numbers agree with what people say of the same messages.

A pair is a score, in thousandths of its scale, and whether people speak for the message. All sums are
integers, so they are exact and do not depend on the order of the pairs. `revote` counts how many scores are
on the side of the people; what else the figures need is counted here (docs/metrics.md).
"""

from typing import Final

from plaudit_stream_processors.metrics.buckets import Counters
from plaudit_stream_processors.metrics.votes import Moment, Votes, add_to, revote

FAMILY: Final = "agreement:"
"""A family is `agreement:RATER KIND:ASPECT:SCORER:VERSION`."""
BINS: Final = 50
"""Of the histograms of scores. 0.5 and the ends of all tenths are ends of bins."""
TENTHS: Final = 10
SCALE: Final = 1000
YES, NO, ERROR, TENTH = "yes", "no", "error", "tenth"
"""The counters of a family: scores by bin, where people speak for and against the message; the sum of the
squared differences, in millionths; the sum of the scores by tenth of the scale, in thousandths."""

Pair = tuple[int, bool]


def bin_of(score: int) -> int:
    """The bin of a score in thousandths; a full score lies in the last one."""
    return min(score * BINS // SCALE, BINS - 1)


def agrees(score: int, liked: bool) -> bool:
    """Whether a score is on the side of the people. The middle of the scale is on the side of yes."""
    return (2 * score >= SCALE) == liked


def recount_pair(
    counters: Counters,
    votes: Votes,
    series: list[str],
    family: str,
    change: tuple[Pair | None, Pair | None],
    moment: Moment,
) -> None:
    """Count a pair that changes from old to new, as `change` says; None is no pair."""
    error = 0
    for pair, sign in zip(change, (-1, 1), strict=True):
        if pair is None:
            continue
        score, liked = pair
        add_to(counters, series, f"{family}:{YES if liked else NO}:{bin_of(score)}", moment, sign)
        add_to(counters, series, f"{family}:{TENTH}:{bin_of(score) * TENTHS // BINS}", moment, sign * score)
        error += sign * (score - SCALE * liked) ** 2
    add_to(counters, series, f"{family}:{ERROR}", moment, error)
    old, new = (None if pair is None else SCALE * agrees(*pair) for pair in change)
    if old != new:
        revote(counters, votes, series, family, (old, new), moment)
