"""What has been decided of the values of one generation, and what is still to be decided."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from plaudit_stream_processors.metrics.generations import LabelGeneration
from plaudit_stream_processors.metrics.label_names import KINDS, LimitedNames
from plaudit_stream_processors.metrics.series import OTHER, Labels

REMEMBERED: Final = 100_000
"""Above so many values of a kind the refused ones are forgotten, so that memory stays bounded."""

_NOBODY: Final = ""


class OwnValue(NamedTuple):
    """A value of an application. Applications themselves are values of the application ``."""

    application: str
    value: str


class LabelDecisions(LimitedNames):
    """Decisions on values of one generation. They are final, so they are asked for once.

    Attributes:
        generation: what they belong to.
        refused: whether any value was ever refused.
    """

    def __init__(self, generation: LabelGeneration, earlier: "LabelDecisions | None" = None) -> None:
        """`earlier` are those of the generation before on the same day: what it admitted is admitted too."""
        super().__init__(self.admits)
        self.generation = generation
        self._earlier = earlier
        self.refused = False
        self._known: dict[str, dict[OwnValue, bool]] = {kind: {} for kind in KINDS}
        self._new: dict[str, dict[OwnValue, None]] = {kind: {} for kind in KINDS}
        self._series: dict[Labels, str] = {}

    @property
    def refused_values(self) -> int:
        """How many of the remembered values count as `other`."""
        return sum(not admitted for known in self._known.values() for admitted in known.values())

    def want(self, kind: str, application: str, value: str) -> None:
        """Keep a value for the next decision, unless it is known."""
        own = OwnValue(application, value)
        if own not in self._known[kind]:
            self._new[kind][own] = None

    def undecided(self, kind: str) -> list[OwnValue]:
        """The values of a kind that wait for a decision."""
        return list(self._new[kind])

    def owner(self, application: str) -> str:
        """Whose places the values of an application take: those that count as `other` share theirs."""
        admitted = self.admits("application", _NOBODY, application)
        return application if admitted or not application else OTHER

    def decide(self, kind: str, answers: Iterable[tuple[OwnValue, bool]]) -> None:
        """Take decisions on all values of a kind that waited."""
        known, new = self._known[kind], self._new[kind]
        if len(known) + len(new) > REMEMBERED:  # what is forgotten counts as `other` all the same
            self._known[kind] = known = {value: True for value, admitted in known.items() if admitted}
        known.update(answers)
        self.refused = self.refused or not all(known.get(value, False) for value in new)
        new.clear()
        self._series.clear()  # a name made before may say `other` for a value that is admitted now

    def series_for(self, labels: Labels) -> str:
        """The series that these labels count in."""
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = super().series_for(labels)
        return series

    def admits(self, kind: str, application: str, value: str) -> bool:
        """Whether a value is known to count apart."""
        own = OwnValue(application, value)
        known = self._known[kind].get(own)
        return self._was_admitted(kind, own) if known is None else known

    def _was_admitted(self, kind: str, own: OwnValue) -> bool:
        # A batch may have been opened before a clear was known.
        earlier = self._earlier
        if earlier is None or not earlier.admits(kind, *own):
            return False
        return not own.application or earlier.owner(own.application) == self.owner(own.application)
