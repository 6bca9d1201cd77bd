"""The figures of aspects: means of numbers, shares of likes, and shares of labels (docs/metrics.md).

Numbers count by their position on their own scale, from 0 to 1, so that scales may differ.
"""

from collections import defaultdict
from dataclasses import replace
from typing import Final

from plaudit_schemas.contract.names import ASPECT_FIGURE, LABEL_SCALE
from plaudit_schemas.contract.ratings import SCALE

from plaudit_stream_processors.metrics.estimates import mean, proportion
from plaudit_stream_processors.metrics.figure import Counts, Figure, clusters_of
from plaudit_stream_processors.metrics.series import text_of_part

FAMILY: Final = "aspect:"
"""The families of votes on aspects begin with this."""
LABEL_COLONS: Final = 5
"""How many colons the family of a label has: `aspect:user:label:message:tone:warm`."""


def aspect_figures(counts: Counts) -> list[Figure]:
    """Every figure of an aspect, in one series over one window."""
    found = []
    labels: defaultdict[str, list[str]] = defaultdict(list)
    families = []
    for counter in sorted(counter for counter in counts if counter.startswith(FAMILY)):
        family, _, what = counter.rpartition(":")
        if what == "n":
            families.append(family)
        elif what == "sum" and family.count(":") == LABEL_COLONS and counts[counter] > 0:
            labels[family.rpartition(":")[0]].append(family)
    for family in families:
        _, rater_kind, scale, level, part = family.split(":")
        name = ASPECT_FIGURE + text_of_part(part)
        if scale == "label":
            found += [_label(name, rater_kind, level, one, counts) for one in labels[family]]
        else:
            found.append(_mean(name, (rater_kind, scale, level), family, counts))
    return found


def _mean(name: str, dimensions: tuple[str, str, str], family: str, counts: Counts) -> Figure:
    n, total, clusters = counts[family + ":n"], counts.get(family + ":sum", 0), clusters_of(family, counts)
    estimate = mean(n, total, counts.get(family + ":sumsq", 0), clusters, (0, SCALE))
    if dimensions[1] == "thumb":
        # Wilson's interval, which holds for a share; alerts need the standard error.
        estimate = replace(proportion(n, total, clusters), standard_error=estimate.standard_error)
    return Figure(name, *dimensions, estimate)


def _label(name: str, rater_kind: str, level: str, label: str, counts: Counts) -> Figure:
    """The share of the votes that gave a label."""
    family, _, part = label.rpartition(":")
    # Voters and votes are those of all labels: a vote that did not give this one counts against it.
    clusters = clusters_of(label, counts)._replace(
        voters=counts.get(family + ":voters", 0),
        n=counts.get(family + ":cn", 0),
        nn=counts.get(family + ":cnn", 0),
    )
    n = counts.get(family + ":n", 0)
    # One vote may give several labels that are shown as `other`.
    estimate = proportion(n, min(counts[label + ":sum"], n * SCALE), clusters)
    return Figure(name, rater_kind, LABEL_SCALE + text_of_part(part), level, estimate)
