"""The figures of how well scorers agree with people (docs/metrics.md)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from plaudit_schemas.contract.names import (
    AGREEMENT_ACCURACY,
    AGREEMENT_AUC,
    AGREEMENT_BRIER,
    AGREEMENT_CALIBRATION,
    AGREEMENT_MCC,
    agreement_figure,
)

from plaudit_stream_processors.metrics.agreement_counts import (
    BINS,
    ERROR,
    FAMILY,
    NO,
    SCALE,
    TENTH,
    TENTHS,
    YES,
)
from plaudit_stream_processors.metrics.agreement_statistics import (
    Tenth,
    area_under_curve,
    calibration_error,
    confusion,
    correlation,
    squared_error,
)
from plaudit_stream_processors.metrics.estimates import Estimate, design_effect, mean, proportion
from plaudit_stream_processors.metrics.figure import Counts, Figure, clusters_of
from plaudit_stream_processors.metrics.series import text_of_part

_LEVEL: Final = "message"
_FAMILY_PARTS: Final = 5


def agreement_figures(counts: Counts) -> list[Figure]:
    """Every figure of every scorer, in one series over one window."""
    families: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for counter, amount in counts.items():
        if counter.startswith(FAMILY):
            parts = counter.split(":")
            families[":".join(parts[:_FAMILY_PARTS])][":".join(parts[_FAMILY_PARTS:])] = amount
    return [figure for family, own in sorted(families.items()) for figure in _figures(family, own)]


def _figures(family: str, own: Mapping[str, int]) -> list[Figure]:
    """The figures of one family; `own` are its counters by what they count."""
    n = own.get("n", 0)
    if n <= 0:
        return []
    _, rater_kind, aspect, *scorer = map(text_of_part, family.split(":"))
    # A text without a version has no colon: people read it.
    scale = ":".join(part for part in scorer if part)
    counts = {f"{family}:{what}": amount for what, amount in own.items()}
    clusters = clusters_of(family, counts)
    right = own.get("sum", 0)
    share = right / n / SCALE
    effect = design_effect(clusters, share * (1 - share) * SCALE**2)
    yes, no = _histogram(own, YES), _histogram(own, NO)
    tenths = _tenths(own, yes, no)
    # Wilson's interval, which holds for a share; alerts need the standard error.
    error = mean(n, right, own.get("sumsq", 0), clusters, (0, SCALE)).standard_error
    found = {
        AGREEMENT_ACCURACY: replace(proportion(n, right, clusters), standard_error=error),
        AGREEMENT_AUC: area_under_curve(yes, no, effect),
        AGREEMENT_BRIER: squared_error(own.get(ERROR, 0), yes, no, effect),
        AGREEMENT_CALIBRATION: calibration_error(tenths, effect),
        AGREEMENT_MCC: correlation(confusion(yes, no), effect),
    }
    return [
        Figure(agreement_figure(name, aspect), rater_kind, scale, _LEVEL, _of(estimate, clusters.voters))
        for name, estimate in found.items()
    ]


def _of(estimate: Estimate, voters: int) -> Estimate:
    return replace(estimate, voters=voters)


def _histogram(own: Mapping[str, int], side: str) -> list[int]:
    return [max(0, own.get(f"{side}:{at}", 0)) for at in range(BINS)]


def _tenths(own: Mapping[str, int], yes: list[int], no: list[int]) -> list[Tenth]:
    width = BINS // TENTHS
    found = []
    for at in range(TENTHS):
        part = slice(at * width, (at + 1) * width)
        liked, count = sum(yes[part]), sum(yes[part]) + sum(no[part])
        mean_score = own.get(f"{TENTH}:{at}", 0) / count / SCALE if count else 0.0
        found.append(Tenth(count, liked, min(1.0, max(0.0, mean_score))))
    return found
