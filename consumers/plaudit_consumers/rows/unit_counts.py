"""What became of the judgements."""

from collections import Counter
from dataclasses import dataclass, field

from plaudit_consumers.rows.reasons import UnitReason


@dataclass
class UnitCounts:
    """Adds up what became of the judgements: each is in a unit or counted under one reason.

    Attributes:
        judgements: the number of feedback values and comparisons.
        in_units: how many of them are in a unit, as a vote or as the text of a correction.
        unused: reason -> the number of the others.
        lost_pairs: reason -> pairs of ranked candidates that are no unit. Their comparison may be in a unit
            with its other pairs.
        demonstrations: answers that nobody judged and that are in a unit, because the rules ask for them.
        lost_demonstrations: reason -> such answers that are in no unit.
    """

    judgements: int = 0
    in_units: int = 0
    unused: Counter[UnitReason] = field(default_factory=Counter)
    lost_pairs: Counter[UnitReason] = field(default_factory=Counter)
    demonstrations: int = 0
    lost_demonstrations: Counter[UnitReason] = field(default_factory=Counter)

    def add(self, reason: UnitReason | None) -> None:
        """Count one judgement: under a reason, or as one that is in a unit."""
        if reason is not None:
            self.lose(reason, 1)
            return
        self.judgements += 1
        self.in_units += 1

    def lose(self, reason: UnitReason, judgements: int) -> None:
        """Count judgements that are in no unit."""
        self.judgements += judgements
        if judgements:
            self.unused[reason] += judgements
