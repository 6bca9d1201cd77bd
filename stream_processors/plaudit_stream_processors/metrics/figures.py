"""Makes the figures of each series from the counters of a window, as docs/metrics.md defines them."""

from collections.abc import Iterable
from typing import Final

from plaudit_stream_processors.metrics.agreement_figures import agreement_figures
from plaudit_stream_processors.metrics.aspect_figures import aspect_figures
from plaudit_stream_processors.metrics.buckets import Cells
from plaudit_stream_processors.metrics.estimates import Estimate, mean, proportion, share
from plaudit_stream_processors.metrics.figure import Counts, Figure, clusters_of
from plaudit_stream_processors.metrics.histograms import quantile

SKEWED: Final = "skewed_events"
"""Events whose producer's clock was more than a minute off; only where there are some."""


def summed(buckets: Iterable[Cells]) -> dict[str, dict[str, int]]:
    """Series -> counter -> sum over buckets."""
    result: dict[str, dict[str, int]] = {}
    for cells in buckets:
        for cell, amount in cells.items():
            # From the right: a series' name may hold blanks, and a counter's never does.
            series, _, counter = cell.rpartition(" ")
            counts = result.setdefault(series, {})
            counts[counter] = counts.get(counter, 0) + amount
    return result


def figures(counts: Counts) -> list[Figure]:
    """Every figure of one series over one window."""
    found = [_voted(family, counts) for family in sorted(_families(counts))]
    found += aspect_figures(counts)
    found += agreement_figures(counts)
    messages = counts.get("messages:assistant", 0)
    for name, counter in (
        ("coverage", "covered"),
        ("ignore_rate", "ignored"),
        ("regeneration_rate", "regenerated"),
    ):
        found.append(_plain(name, share(counts.get(counter, 0), messages)))
    for name, prefix, quantiles in (
        ("response_latency_ms", "latency:", (50, 95, 99)),
        ("time_spent_s", "time_spent:", (50, 90)),
    ):
        histogram = {
            int(c.removeprefix(prefix)): n for c, n in counts.items() if c.startswith(prefix) and n > 0
        }
        total = sum(histogram.values())
        found += [_plain(f"{name}_p{q}", Estimate(quantile(histogram, q / 100), total)) for q in quantiles]
    if counts.get("skewed"):
        found.append(_plain(SKEWED, Estimate(float(counts["skewed"]), counts["skewed"])))
    for counter in sorted(counts):
        kind, _, what = counter.partition(":")
        if kind in ("messages", "feedback", "conversations"):
            found.append(_plain(f"{kind}_{what}", Estimate(float(counts[counter]), counts[counter])))
    return found


def _families(counts: Counts) -> set[str]:
    votes = ("satisfaction:", "satisfied:", "accuracy:", "precision:")
    return {
        counter.removesuffix(":n")
        for counter in counts
        if counter.startswith(votes) and counter.endswith(":n")
    }


def _voted(family: str, counts: Counts) -> Figure:
    name, rater_kind, *rest = family.split(":")
    n, total, clusters = (
        counts.get(family + ":n", 0),
        counts.get(family + ":sum", 0),
        clusters_of(family, counts),
    )
    if name == "satisfaction":
        estimate = mean(n, total, counts.get(family + ":sumsq", 0), clusters)
    else:
        estimate = proportion(n, total, clusters)
    scale, level = rest or ("", "message")
    return Figure(name, rater_kind, scale, level, estimate)


def _plain(name: str, estimate: Estimate) -> Figure:
    return Figure(name, "", "", "", estimate)
