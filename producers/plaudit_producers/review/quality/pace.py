"""How much was reviewed on each day, and how long a review takes. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any

from plaudit_schemas.review.claims import ReviewedItem


def seconds_between(moments: Iterable[int], most_ms: float) -> list[tuple[int, float]]:
    """Each answer's moment in milliseconds, with the seconds since the same person's answer before it.

    Args:
        most_ms: after a longer time it was not the review that took so long, so there is no entry.
    """
    in_order = sorted(moments)
    return [
        (later, (later - earlier) / 1000)
        for earlier, later in pairwise(in_order)
        if later - earlier <= most_ms
    ]


def moments_of(items: Iterable[ReviewedItem]) -> dict[str, list[int]]:
    """Reviewer -> when each of their answers was given, in milliseconds since 1970; controls too."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for item in items:
        for reviewer, moment in item.answered_ms.items():
            found[reviewer].append(moment)
    return dict(found)


def median_seconds(times: Sequence[tuple[int, float]]) -> float | None:
    return median(seconds for _, seconds in times) if times else None


def day_figures(moments: Mapping[str, Sequence[int]], most_ms: float) -> list[dict[str, Any]]:
    """The days of UTC on which somebody reviewed, in order, with answers, reviewers and the median time."""
    days: defaultdict[str, list[str]] = defaultdict(list)
    times: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
    for reviewer, each in moments.items():
        for moment in each:
            days[_day(moment)].append(reviewer)
        for moment, seconds in seconds_between(each, most_ms):
            times[_day(moment)].append((moment, seconds))
    return [
        {
            "day": day,
            "verdicts": len(who),
            "reviewers": len(set(who)),
            "median_seconds": median_seconds(times[day]),
        }
        for day, who in sorted(days.items())
    ]


def _day(moment_ms: int) -> str:
    return datetime.fromtimestamp(moment_ms / 1000, UTC).date().isoformat()
