"""Votes that give labels: each vote counts once for its family, and once for each of its labels.

The figure of a label is the share of the votes that gave it. So the sums of a label's clusters are over all
votes of a conversation, also over those that did not give it.
"""

from collections.abc import Sequence

from plaudit_stream_processors.metrics.buckets import Counters
from plaudit_stream_processors.metrics.votes import Moment, Votes, add_to, recluster

GIVEN = 1000
"""A label that was given, in thousandths."""

Change = tuple[Sequence[str] | None, Sequence[str] | None]


def relabel(
    counters: Counters, votes: Votes, series: list[str], family: str, change: Change, moment: Moment
) -> None:
    """Count a vote whose labels change from old to new, as `change` says; None is no vote."""
    before, after = (None if labels is None else set(labels) for labels in change)
    number = (after is not None) - (before is not None)
    changed = {
        label: GIVEN if label in (after or ()) else -GIVEN for label in (before or set()) ^ (after or set())
    }
    add_to(counters, series, family + ":n", moment, number)
    for label, amount in sorted(changed.items()):
        add_to(counters, series, f"{family}:{label}:sum", moment, amount)
    for name in series:
        recluster(counters, votes, name, family, (number, 0), moment)
        home, count, _ = votes[f"{name} {family}"]
        prefix = f"{name} {family}:"
        # A label that no vote of the conversation gives has sums of 0, so it need not be held.
        known = [key.removeprefix(prefix) for key in votes if key.startswith(prefix)]
        at = Moment(home, moment.arrived_ms)
        for label in sorted({*known, *changed}):
            _recluster_label(
                counters, votes, (name, family, label), changed.get(label, 0), (count - number, count), at
            )


def _recluster_label(
    counters: Counters,
    votes: Votes,
    which: tuple[str, str, str],
    amount: int,
    counts: tuple[int, int],
    at: Moment,
) -> None:
    """Correct the sums of one label over the conversation; `counts` are its votes before and after."""
    name, family, label = which
    key, counter, series = f"{name} {family}:{label}", f"{family}:{label}", [name]
    total = votes[key][2] if key in votes else 0
    total_after = total + amount
    add_to(counters, series, counter + ":cs", at, amount)
    add_to(counters, series, counter + ":css", at, total_after**2 - total**2)
    add_to(counters, series, counter + ":csn", at, total_after * counts[1] - total * counts[0])
    if total_after:
        votes[key] = [at.at, counts[1], total_after]
    else:
        votes.pop(key, None)
