"""How well scorers agree with people: their figures in a snapshot, and conditions on them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from plaudit_schemas.alerts import Limits
from plaudit_schemas.contract.names import (
    AGREEMENT_ACCURACY,
    AGREEMENT_AUC,
    AGREEMENT_BRIER,
    AGREEMENT_CALIBRATION,
    AGREEMENT_MCC,
    agreement_figure,
    agreement_parts,
)

from plaudit_consumers.dashboard.changes import Condition, Sums, VoteSums, named, sure_changes
from plaudit_consumers.dashboard.snapshots import FigureId, FigureValue, Snapshot


class Agreement(NamedTuple):
    """The figures of one scorer beside one kind of people, in one series over one window.

    Attributes:
        scorer: as `id:version`.
        rater_kind: the people that it is compared with.
    """

    scorer: str
    aspect: str
    rater_kind: str
    accuracy: FigureValue
    auc: FigureValue
    brier: FigureValue
    calibration_error: FigureValue
    mcc: FigureValue


def agreements(snapshot: Snapshot) -> Iterator[Agreement]:
    """Every scorer of a snapshot, by name."""
    nothing = FigureValue(None, None, None, 0)
    for which, accuracy in sorted(snapshot.figures.items()):
        parts = agreement_parts(which.name)
        if parts is None or parts[0] != AGREEMENT_ACCURACY or accuracy.value is None:
            continue
        others = (
            snapshot.figures.get(FigureId(agreement_figure(name, parts[1]), *which[1:]), nothing)
            for name in (AGREEMENT_AUC, AGREEMENT_BRIER, AGREEMENT_CALIBRATION, AGREEMENT_MCC)
        )
        yield Agreement(which.scale, parts[1], which.rater_kind, accuracy, *others)


def agreement_drops(
    recent: Iterable[Snapshot], reference: Iterable[Snapshot], limits: Limits
) -> list[Condition]:
    """The scorers that agree with people less than before."""
    found = []
    for key, judged, change in sure_changes(_hits(recent), _hits(reference), limits):
        if change.amount < -limits.agreement_drop:
            text = (
                f"{scorer_name(key[1])} agrees with {key[3]}s on {change.now:.0%} of the messages, before on "
                f"{change.before:.0%} ({key[2]}, {judged} judged in {limits.recent})"
            )
            found.append(Condition("PlauditAgreementDrop", key, text))
    return found


def calibration_errors(reference: Iterable[Snapshot], limits: Limits) -> list[Condition]:
    """The scorers whose numbers are off by more than chance explains."""
    found = []
    for snapshot in reference:
        for one in agreements(snapshot):
            error = one.calibration_error
            if (error.low or 0.0) <= limits.calibration_error or error.count < limits.min_reference_votes:
                continue
            series = snapshot.series
            key = (series.application, series.model, series.model_version, series.source)
            text = (
                f"Scores of {scorer_name(one.scorer)} for {named(series.model)} are off by {error.value:.0%} "
                f"({one.aspect}, {error.count} judged by {one.rater_kind}s)"
            )
            found.append(
                Condition("PlauditScorerMiscalibrated", (*key, one.scorer, one.aspect, one.rater_kind), text)
            )
    return found


def scorer_name(scorer: str) -> str:
    """A scorer's name for people."""
    return scorer or "a scorer without a name"


def _hits(snapshots: Iterable[Snapshot]) -> Sums:
    found: Sums = defaultdict(VoteSums)
    for snapshot in snapshots:
        for one in agreements(snapshot):
            key = (snapshot.series.application, one.scorer, one.aspect, one.rater_kind)
            found[key].add(one.accuracy.value or 0.0, one.accuracy.count, one.accuracy.standard_error)
    return found
