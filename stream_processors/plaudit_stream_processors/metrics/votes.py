"""Votes: ratings and verdicts, counted with the sums that a standard error clustered by conversation needs.

A family is the name of a figure with its dimensions, such as `satisfaction:user:thumb:message`. Values
are thousandths, so that sums are exact integers. Each vote counts in the bucket in which it was first
counted; a conversation's cluster counts in the bucket of its first vote (docs/metrics.md).
"""

from plaudit_stream_processors.metrics.buckets import Counters

Votes = dict[str, list[int]]
"""`series family` -> [event time of the conversation's first vote, votes, their sum in thousandths]."""


class Moment:
    """When a vote counts: the event time of its first count, and the arrival that decides on retention."""

    __slots__ = ("arrived_ms", "at")

    def __init__(self, at: int, arrived_ms: int) -> None:
        self.at = at
        self.arrived_ms = arrived_ms


def revote(
    counters: Counters,
    votes: Votes,
    series: list[str],
    family: str,
    change: tuple[int | None, int | None],
    moment: Moment,
) -> None:
    """Count a vote whose value changes from old to new, as `change` says; None is no vote."""
    old, new = change
    if old == new:
        return
    number = (new is not None) - (old is not None)
    before, after = old or 0, new or 0
    add_to(counters, series, family + ":n", moment, number)
    add_to(counters, series, family + ":sum", moment, after - before)
    add_to(counters, series, family + ":sumsq", moment, after * after - before * before)
    for name in series:
        recluster(counters, votes, name, family, (number, after - before), moment)


def recluster(
    counters: Counters, votes: Votes, name: str, family: str, change: tuple[int, int], moment: Moment
) -> None:
    """Correct the sums of a conversation in one series; `change` is of its votes and of their sum."""
    key = f"{name} {family}"
    home, count, total = votes.get(key) or (moment.at, 0, 0)
    count_after, total_after = count + change[0], total + change[1]
    votes[key] = [home, count_after, total_after]
    # Squares and products are of a conversation's sums, so the old ones leave as the new ones come.
    at = Moment(home, moment.arrived_ms)
    series = [name]
    add_to(counters, series, family + ":voters", at, (count_after > 0) - (count > 0))
    add_to(counters, series, family + ":cn", at, change[0])
    add_to(counters, series, family + ":cs", at, change[1])
    add_to(counters, series, family + ":css", at, total_after**2 - total**2)
    add_to(counters, series, family + ":csn", at, total_after * count_after - total * count)
    add_to(counters, series, family + ":cnn", at, count_after**2 - count**2)


def add_to(counters: Counters, series: list[str], counter: str, moment: Moment, amount: int) -> None:
    """Count `amount`, if it is not 0."""
    if amount:
        counters.add(series, counter, moment.at, moment.arrived_ms, amount)
