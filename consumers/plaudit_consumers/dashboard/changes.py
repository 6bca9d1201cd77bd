"""Changes of means between the recent window and the time before it, and conditions on declared aspects."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf, sqrt
from typing import NamedTuple

from plaudit_schemas.alerts import Limits
from plaudit_schemas.alerts.aspects import watched
from plaudit_schemas.contract.aspects import Aspects
from plaudit_schemas.contract.names import ASPECT_FIGURE, LABEL_SCALE

from plaudit_consumers.dashboard.snapshots import Snapshot


class Condition(NamedTuple):
    """A condition that becomes an alert if it lasts.

    Attributes:
        alert: its name in alerts.yaml, or in aspects.yaml beside it.
        subject: application, model, and whatever else distinguishes two alerts of the same name.
        text: one sentence with the numbers.
    """

    alert: str
    subject: tuple[str, ...]
    text: str


@dataclass(slots=True)
class VoteSums:
    """Sums over several figures, from which means and standard errors follow."""

    count: int = 0
    points: float = 0.0
    variance: float = 0.0

    def add(self, value: float, count: int, standard_error: float | None) -> None:
        """Add a figure."""
        self.count += count
        self.points += value * count
        self.variance += ((standard_error or 0.0) * count) ** 2


class Change(NamedTuple):
    """A mean before and now. `sigmas` is the size of the change in standard errors, whatever its sign."""

    before: float
    now: float
    sigmas: float

    @property
    def amount(self) -> float:
        """How much more it is now."""
        return self.now - self.before


Sums = defaultdict[tuple[str, ...], VoteSums]


def sure_changes(
    recent: Sums, reference: Sums, limits: Limits
) -> Iterator[tuple[tuple[str, ...], int, Change]]:
    """The means that chance does not explain the change of: each with its key and its recent votes.

    The change must be many standard errors to count: the rules are evaluated all day, and chance must not
    page.
    """
    for key, short in recent.items():
        change = _change_of(short, reference[key], limits)
        if change is not None and change.sigmas > limits.sigmas:
            yield key, short.count, change


def _change_of(short: VoteSums, whole: VoteSums, limits: Limits) -> Change | None:
    """The change of a mean between the rest of the reference window and the recent one.

    None if there are too few votes.
    """
    before = whole.count - short.count
    if short.count < limits.min_votes or before < limits.min_reference_votes:
        return None
    # The reference window contains the recent one, whose votes must not be compared with themselves.
    mean_before, mean_now = (whole.points - short.points) / before, short.points / short.count
    error = sqrt(short.variance / short.count**2 + whole.variance / whole.count / before)
    return Change(mean_before, mean_now, abs(mean_now - mean_before) / error if error else inf)


def aspect_changes(
    recent: Iterable[Snapshot], reference: Iterable[Snapshot], limits: Limits, aspects: Aspects
) -> list[Condition]:
    """The declared aspects that changed for the worse."""
    found = []
    for key, votes, change in sure_changes(_aspect_votes(recent), _aspect_votes(reference), limits):
        application, model, aspect, _, _ = key
        declaration = aspects.find(application, aspect)
        if declaration is None:
            continue
        fell = watched(declaration, "higher_is_better") and change.amount < -limits.aspect_change
        rose = watched(declaration, "lower_is_better") and change.amount > limits.aspect_change
        if fell or rose:
            text = (
                f"{aspect} of {named(model)} {'fell' if fell else 'rose'} from {change.before:.0%} to "
                f"{change.now:.0%} of its scale ({votes} votes in {limits.recent})"
            )
            found.append(Condition("PlauditAspectDrop" if fell else "PlauditAspectRise", key, text))
    return found


def named(model: str) -> str:
    """A model's name for people."""
    return model or "an unknown model"


def _aspect_votes(snapshots: Iterable[Snapshot]) -> Sums:
    found: Sums = defaultdict(VoteSums)
    for snapshot in snapshots:
        for which, value in snapshot.figures.items():
            if (
                which.name.startswith(ASPECT_FIGURE)
                and which.rater_kind == "user"
                and not which.scale.startswith(LABEL_SCALE)
                and value.value is not None
            ):
                aspect = which.name.removeprefix(ASPECT_FIGURE)
                series = snapshot.series
                key = (series.application, series.model, aspect, which.scale, which.level)
                found[key].add(value.value, value.count, value.standard_error)
    return found
