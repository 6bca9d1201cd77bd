"""Evaluates the quality alerts over metric snapshots, with the limits of `plaudit_schemas.alerts`.

The formulas are those of the Prometheus rules (docs/decisions/0006). The recent window is compared with the
reference window minus the recent one. Versions of a model are added, weighted by their votes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import sqrt
from typing import NamedTuple

from plaudit_schemas.alerts import Limits, seconds
from plaudit_schemas.contract.aspects import Aspects

from plaudit_consumers.dashboard.agreement import agreement_drops, calibration_errors
from plaudit_consumers.dashboard.changes import Condition, Sums, VoteSums, aspect_changes, named, sure_changes
from plaudit_consumers.dashboard.snapshots import Snapshot, judged


class ActiveAlert(NamedTuple):
    """A condition that is true now.

    Attributes:
        since: when the condition was first seen, in seconds.
        pending: True until the condition has lasted long enough to be an alert, which pages somebody.
    """

    condition: Condition
    since: float
    pending: bool = False


def conditions(
    snapshots: Iterable[Snapshot], limits: Limits, aspects: Aspects | None = None
) -> list[Condition]:
    """The quality conditions that hold now.

    Args:
        aspects: those that applications declare; each that has a direction is watched.
    """
    shown = list(snapshots)
    recent = judged(shown, int(seconds(limits.recent)))
    reference = judged(shown, int(seconds(limits.reference)))
    traffic = judged(shown, int(seconds(limits.traffic)))
    return [
        *_satisfaction_drops(recent, reference, limits),
        *_low_accuracy(recent, limits),
        *agreement_drops(recent, reference, limits),
        *calibration_errors(reference, limits),
        *_stopped_feedback(traffic, reference, limits),
        *_wrong_clocks(recent, limits),
        *(aspect_changes(recent, reference, limits, aspects) if aspects else ()),
    ]


def age_conditions(newest_at_us: int, lag: int | None, now_us: int, limits: Limits) -> list[Condition]:
    """The conditions of the pipeline itself: old figures, or a large lag.

    Args:
        newest_at_us: the time of the newest snapshot in microseconds; 0 before the first.
        lag: events that are not folded yet; None if unknown.
        now_us: the current time in microseconds.
    """
    found = []
    age = (now_us - newest_at_us) / 1e6
    if newest_at_us and age > limits.stale_s:
        found.append(Condition("PlauditSnapshotsStale", (), f"The figures are {age:.0f} s old"))
    if lag is not None and lag > limits.lag:
        found.append(Condition("PlauditLagHigh", (), f"{lag} events wait to be folded"))
    return found


class AlertTracker:
    """Tracks how long conditions have lasted. After `hold_s` seconds they are alerts. The clock is passed in.

    Conditions are shown at once, as pending. Somebody who was paged must see the reason here, even if this
    tracker has only just started.
    """

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._since: dict[tuple[str, tuple[str, ...]], float] = {}

    def update(self, found: Iterable[Condition], now: float) -> list[ActiveAlert]:
        """Take the conditions that hold now, and return each with the time since when it holds."""
        current = {(condition.alert, condition.subject): condition for condition in found}
        # Rebuilt each time, so a condition that stops and comes back starts from zero.
        self._since = {key: self._since.get(key, now) for key in current}
        return [
            ActiveAlert(condition, self._since[key], pending=now - self._since[key] < self._hold_s)
            for key, condition in current.items()
        ]


def _satisfaction(snapshots: Iterable[Snapshot]) -> Sums:
    found: Sums = defaultdict(VoteSums)
    for snapshot in snapshots:
        for which, value in snapshot.voted("satisfaction"):
            key = (snapshot.series.application, snapshot.series.model, which.scale, which.level)
            found[key].add(value.value or 0.0, value.count, value.standard_error)
    return found


def _satisfaction_drops(
    recent: Iterable[Snapshot], reference: Iterable[Snapshot], limits: Limits
) -> list[Condition]:
    found = []
    for key, votes, change in sure_changes(_satisfaction(recent), _satisfaction(reference), limits):
        if change.amount < -limits.drop:
            text = (
                f"Satisfaction of {named(key[1])} fell from {change.before:.2f} to {change.now:.2f} "
                f"({votes} votes in {limits.recent})"
            )
            found.append(Condition("PlauditSatisfactionDrop", key, text))
    return found


def _low_accuracy(recent: Iterable[Snapshot], limits: Limits) -> list[Condition]:
    sums: defaultdict[tuple[str, ...], VoteSums] = defaultdict(VoteSums)
    for snapshot in recent:
        for which, value in snapshot.figures.items():
            if which.name == "accuracy" and value.value is not None:
                series = snapshot.series
                sums[series.application, series.model, which.rater_kind].add(value.value, value.count, None)
    found = []
    for key, votes in sums.items():
        share = votes.points / votes.count
        # Only a share that is surely below the floor counts: the upper end of its interval decides.
        upper = share + limits.sigmas * sqrt(share * (1 - share) / votes.count)
        if votes.count >= limits.min_votes and upper < limits.accuracy_floor:
            text = (
                f"Accuracy of {named(key[1])} is {share:.0%}, below {limits.accuracy_floor:.0%} "
                f"({votes.count} judged by {key[2]}s)"
            )
            found.append(Condition("PlauditAccuracyLow", key, text))
    return found


def _stopped_feedback(
    traffic: Iterable[Snapshot], reference: Iterable[Snapshot], limits: Limits
) -> list[Condition]:
    usual, now = _traffic(reference), _traffic(traffic)
    found = []
    for application, (messages, votes) in now.items():
        usual_messages, usual_votes = usual.get(application, (0, 0))
        expected = usual_votes / usual_messages * messages if usual_messages else 0.0
        if votes == 0 and expected >= limits.expected_feedback:
            text = (
                f"No feedback from {application}'s users in {limits.traffic}, where about {expected:.0f} "
                "votes were expected"
            )
            found.append(Condition("PlauditFeedbackStopped", (application,), text))
    return found


def _wrong_clocks(recent: Iterable[Snapshot], limits: Limits) -> list[Condition]:
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for snapshot in recent:
        counts = sums[snapshot.series.application, snapshot.series.source]
        for at, name in enumerate(("skewed_events", "messages_assistant")):
            figure = snapshot.figure(name)
            counts[at] += figure.count if figure else 0
    found = []
    for key, (skewed, answers) in sums.items():
        if skewed >= limits.skewed_events and skewed > limits.skewed_ratio * answers:
            text = f"{skewed} events of {key[0]} ({key[1]}) came from clocks that are more than a minute off"
            found.append(Condition("PlauditClockSkew", key, text))
    return found


def _traffic(snapshots: Iterable[Snapshot]) -> Mapping[str, tuple[int, int]]:
    """Application -> (number of assistant messages, number of votes by users)."""
    sums: dict[str, tuple[int, int]] = {}
    for snapshot in snapshots:
        messages, votes = sums.get(snapshot.series.application, (0, 0))
        answers = snapshot.figure("messages_assistant")
        cast = sum(value.count for _, value in snapshot.voted("satisfaction"))
        sums[snapshot.series.application] = (messages + (answers.count if answers else 0), votes + cast)
    return sums
